/** Walks as reports and as plain translations agree, and say why they end. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CR0, CR4, EFER } from '../../arch/registers.ts';
import type { NestedRoot } from '../../contracts/nested-root.ts';
import { FrameAllocator } from '../frames.ts';
import { GuestMemory } from '../guest-memory.ts';
import { FakeMemory } from '../testing.ts';
import type { PagingRegisters } from './entry.ts';
import { explainWalk, pagingMode } from './explain.ts';
import { LinearTranslator } from './translate.ts';

const MIB = 0x10_0000;
const HIGH = 0x1_0000_0000;

/** A VM's memory, with a word writer for page tables. */
function setup() {
  const host = new FakeMemory(16 * MIB);
  const memory = new GuestMemory(8 * MIB, 1, host, new FrameAllocator(16 * MIB, 0));
  const put = (address: number, lo: number, hi = 0) => {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setUint32(0, lo >>> 0, true);
    bytes.setUint32(4, hi >>> 0, true);
    memory.write(address, new Uint8Array(bytes.buffer));
  };
  const put32 = (address: number, value: number) => {
    const bytes = new DataView(new ArrayBuffer(4));
    bytes.setUint32(0, value >>> 0, true);
    memory.write(address, new Uint8Array(bytes.buffer));
  };
  const explain = (
    registers: PagingRegisters,
    linear: number,
    nestedRoot: NestedRoot | undefined = { format: 'ept', pointer: memory.ept.pointer },
  ) => explainWalk({ registers, linear, nestedRoot, read: (at) => host.read32(at) });
  const translator = new LinearTranslator((at) => {
    const frame = memory.ept.lookup(at - (at % 0x1000));
    return frame < 0 ? 0 : host.read32(frame + (at % 0x1000));
  });
  return { host, memory, put, put32, explain, translator };
}

const LONG: PagingRegisters = {
  cr0: CR0.PE | CR0.PG | CR0.WP,
  cr3: 0x1000,
  cr4: CR4.PAE,
  efer: EFER.LMA | EFER.LME | EFER.NXE,
};
const PAE: PagingRegisters = { ...LONG, efer: 0 };
const LEGACY: PagingRegisters = { ...LONG, efer: 0, cr4: CR4.PSE };
const OFF: PagingRegisters = { ...LONG, cr0: CR0.PE, efer: 0 };

describe('paging modes', () => {
  it('are told by the control registers', () => {
    expect([LONG, PAE, LEGACY, OFF].map(pagingMode)).toEqual(['4-level', 'PAE', '32-bit', 'off']);
  });
});

describe('the two-dimensional walk', () => {
  it('of four levels over four is 24 references', () => {
    const { put, explain, memory } = setup();
    put(0x1000 + 8 * 256, 0x2007);
    put(0x2000, 0x3007);
    put(0x3000, 0x4007);
    put(0x4000 + 8 * 5, 0x9003, 0x8000_0000);
    memory.write(0x9abc, Uint8Array.of(1));
    const walk = explain(LONG, -0x8000_0000_0000 + 0x5abc);
    expect(walk.references).toBe(24);
    expect(walk.levels.map(({ entry }) => [entry?.table, entry?.index, entry?.leaf])).toEqual([
      ['PML4', 256, false],
      ['PDPT', 0, false],
      ['PD', 0, false],
      ['PT', 5, true],
    ]);
    expect(walk.end).toEqual({
      kind: 'mapped',
      guestPhysical: 0x9abc,
      hostPhysical: memory.hostAddress(0x9abc),
      guestPage: 0x1000,
      nestedPage: 0x1000,
      rights: 'read, write',
    });
  });

  it('without EPT is the four of the guest', () => {
    const host = new FakeMemory(MIB);
    [0x1000, 0x2000, 0x3000].forEach((table) => {
      host.write32(table, table + 0x1007);
    });
    host.write32(0x4000, 0x9007);
    const walk = explainWalk({
      registers: LONG,
      linear: 0x123,
      nestedRoot: undefined,
      read: (at) => host.read32(at),
    });
    expect(walk.references).toBe(4);
    expect(walk.end).toMatchObject({ kind: 'mapped', guestPhysical: 0x9123, hostPhysical: 0x9123 });
  });

  it('ends where the guest has no entry', () => {
    const { put, explain } = setup();
    put(0x1000, 0x2007);
    put(0x2008, 0x3007);
    const walk = explain(LONG, 0x1234);
    expect(walk.end).toEqual({ kind: 'fault', fault: '#PF', why: 'PDPT entry 0: not present' });
    expect(walk.levels).toHaveLength(2);
    expect(walk.page).toBeUndefined();
  });

  it('ends where EPT has no frame: under a table, and under the page', () => {
    const { put, explain } = setup();
    put(0x1000, 0x40_0007);
    const table = explain(LONG, 0x1234);
    expect(table.end).toMatchObject({ kind: 'fault', fault: 'EPT violation' });
    expect(table.levels.at(-1)).toMatchObject({ entry: undefined, nested: { hostPhysical: undefined } });
    put(0x1000, 0x2007);
    put(0x2000, 0x3007);
    put(0x3000, 0x4007);
    put(0x4000 + 8, 0x70_0007);
    expect(explain(LONG, 0x1234).end).toMatchObject({ kind: 'fault', fault: 'EPT violation' });
  });

  it('leaves the rights that both dimensions allow', () => {
    const { put, explain, memory } = setup();
    put(0x1000, 0x2007);
    put(0x2000, 0x3005);
    put(0x3000, 0xe7);
    memory.back(0x1000);
    const walk = explain(LONG, 0x1234);
    expect(walk.end).toMatchObject({ kind: 'mapped', rights: 'read, execute, user', guestPage: 2 * MIB });
  });

  it('does PAE, 32-bit and no paging', () => {
    const { put, put32, explain, memory } = setup();
    memory.write(0x9000, Uint8Array.of(1));
    put(0x1000 + 8 * 3, 0x2001);
    put(0x2000 + 8 * 511, 0x3007);
    put(0x3000, 0x9007);
    expect(explain(PAE, 0xffe0_0010).end).toMatchObject({ kind: 'mapped', guestPhysical: 0x9010 });
    put32(0x1000, 0x5007);
    put32(0x5000 + 4 * 7, 0x9007);
    expect(explain(LEGACY, 0x7020).end).toMatchObject({ kind: 'mapped', guestPhysical: 0x9020 });
    put32(0x1000 + 4 * 2, 0x87);
    expect(explain(LEGACY, 0x80_9030).end).toMatchObject({
      kind: 'mapped',
      guestPhysical: 0x9030,
      guestPage: 4 * MIB,
    });
    expect(explain(OFF, 0x9040)).toMatchObject({
      references: 4,
      end: { kind: 'mapped', guestPhysical: 0x9040 },
    });
  });
});

describe('a plain translation', () => {
  const entry = fc.tuple(fc.constantFrom(0, 1, 3, 5, 7, 7, 7), fc.nat(15), fc.boolean(), fc.boolean());

  it('agrees with the report for random tables in every mode', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(LONG, PAE, LEGACY),
        fc.array(fc.tuple(fc.nat(15), fc.nat(3), entry), { maxLength: 40 }),
        fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(0xfff)), { minLength: 1 }),
        (registers, entries, addresses) => {
          const { put, put32, explain, translator, memory } = setup();
          for (let page = 0; page < 0x1_0000; page += 0x1000) memory.back(page);
          for (const [table, index, [bits, target, noExecute, large]] of entries) {
            const lo = (target << 12) | bits;
            if (registers === LEGACY) put32((table << 12) + 4 * index, lo | (large ? 0x80 : 0));
            else put((table << 12) + 8 * index, lo, noExecute ? 0x8000_0000 : 0);
          }
          for (const [a, b, c, d, offset] of addresses) {
            const linear =
              registers === LONG
                ? a * 2 ** 39 + b * 2 ** 30 + c * 2 ** 21 + d * 2 ** 12 + offset
                : registers === PAE
                  ? b * 2 ** 30 + c * 2 ** 21 + d * 2 ** 12 + offset
                  : c * 2 ** 22 + d * 2 ** 12 + offset;
            const { end } = explain(registers, linear);
            if (end.kind === 'fault' && end.fault !== '#PF') continue;
            const expected = end.kind === 'mapped' ? end.guestPhysical : -1;
            expect(
              translator.translate(
                registers,
                linear % (registers === LONG ? HIGH * HIGH : HIGH),
                'read',
                false,
              ),
            ).toBe(expected);
            if (end.kind !== 'mapped') continue;
            const user = end.rights.includes('user');
            expect(translator.translate(registers, linear, 'read', true) >= 0).toBe(user);
            expect(translator.translate(registers, linear, 'write', false) >= 0).toBe(
              end.rights.includes('write'),
            );
            expect(translator.translate(registers, linear, 'fetch', false) >= 0).toBe(
              end.rights.includes('execute'),
            );
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('gives the error code of the page fault', () => {
    const { put, translator } = setup();
    put(0x1000, 0x2007);
    put(0x2000, 0x3007);
    put(0x3000, 0x4007);
    put(0x4000, 0x9001, 0x8000_0000);
    const code = (linear: number, access: 'read' | 'write' | 'fetch', user: boolean) => {
      expect(translator.translate(LONG, linear, access, user)).toBe(-1);
      return translator.errorCode;
    };
    expect(code(0x1000, 'read', false)).toBe(0);
    expect(code(0x1000, 'write', true)).toBe(6);
    expect(code(0, 'read', true)).toBe(5);
    expect(code(0, 'write', false)).toBe(3);
    expect(code(0, 'fetch', false)).toBe(17);
  });
});
