import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EPT, EPT_VIOLATION } from '../../arch/ept.ts';
import { EXIT } from '../../arch/exit-reasons.ts';
import { Registers } from '../registers.ts';
import { FAULT_VM_EXIT } from '../state.ts';
import { SecondDimension } from '../virtualization/second-dimension.ts';
import { ExtendedPageTables } from './ept.ts';
import { emptyWalk, walkEpt } from './ept-walk.ts';
import { VmxState } from './state.ts';

const WB = 6 << 3;
const ROOT = 0x1000;
const EPTP = ROOT | 0x1e;

/** Physical memory as a map of words; what was never written reads as 0. */
class Memory {
  private readonly words = new Map<number, number>();
  private nextTable = 0x2000;
  readonly read = (address: number): number => this.words.get(address) ?? 0;

  write64(address: number, lo: number, hi = 0): void {
    this.words.set(address, lo | 0);
    this.words.set(address + 4, hi | 0);
  }

  /** Enters a leaf at `level` for a guest-physical address, making tables on the way. */
  map(guest: number, lo: number, { hi = 0, level = 1, tableRights = 7 } = {}): number {
    let table = ROOT;
    for (let l = 4; l > level; l--) {
      const at = table + (Math.floor(guest / 2 ** (12 + 9 * (l - 1))) % 512) * 8;
      if ((this.read(at) & 7) === 0) {
        this.write64(at, this.nextTable | tableRights);
        this.nextTable += 0x1000;
      }
      table = this.read(at) & ~0xfff;
    }
    const at = table + (Math.floor(guest / 2 ** (12 + 9 * (level - 1))) % 512) * 8;
    this.write64(at, lo, hi);
    return at;
  }
}

function walk(memory: Memory, guest: number) {
  const result = emptyWalk();
  walkEpt(memory.read, EPTP, guest, result);
  return result;
}

describe('an EPT walk', () => {
  it('finds pages of 4 KiB, 2 MiB and 1 GiB', () => {
    const memory = new Memory();
    memory.map(0x12_3456_7000, 0x8000_0000 | WB | 7);
    memory.map(0x60_0000, 0x4000_0000 | EPT.LARGE | WB | 3, { level: 2 });
    memory.map(0x80_4000_0000, 0x4000_0000 | EPT.LARGE | WB | 5, { level: 3, hi: 0x12 });
    expect(walk(memory, 0x12_3456_7890)).toMatchObject({
      outcome: 'mapped',
      page: 0x8000_0000,
      rights: 7,
      level: 1,
    });
    expect(walk(memory, 0x61_2345)).toMatchObject({
      outcome: 'mapped',
      page: 0x4001_2000,
      rights: 3,
      level: 2,
    });
    expect(walk(memory, 0x80_7654_3210)).toMatchObject({
      outcome: 'mapped',
      page: 0x12_7654_3000,
      rights: 5,
      level: 3,
    });
  });

  it('combines the rights of all levels', () => {
    const memory = new Memory();
    memory.map(0x5000, 0x9000 | WB | 7, { tableRights: 5 });
    expect(walk(memory, 0x5000).rights).toBe(5);
  });

  it('ends at an entry without rights', () => {
    expect(walk(new Memory(), 0x5000)).toMatchObject({ outcome: 'violation', rights: 0, level: 4 });
  });

  const misconfigurations: readonly [string, number, number, number][] = [
    ['writable but not readable', 0x9000 | WB | 2, 0, 1],
    ['writable and executable but not readable', 0x9000 | WB | 6, 0, 1],
    ['reserved memory type 2', 0x9000 | (2 << 3) | 7, 0, 1],
    ['reserved memory type 3', 0x9000 | (3 << 3) | 7, 0, 1],
    ['reserved memory type 7', 0x9000 | (7 << 3) | 7, 0, 1],
    ['address beyond the physical-address width', 0x9000 | WB | 7, 0x100, 1],
    ['2 MiB page that is not aligned', 0x1000 | EPT.LARGE | WB | 7, 0, 2],
    ['1 GiB page that is not aligned', 0x20_0000 | EPT.LARGE | WB | 7, 0, 3],
    ['memory type in a PD entry that points to a table', 0x9000 | WB | 7, 0, 2],
    ['reserved bit 7 in a PML4 entry', 0x9000 | EPT.LARGE | 7, 0, 4],
  ];

  it.each(misconfigurations)('calls it a misconfiguration: %s', (_, lo, hi, level) => {
    const memory = new Memory();
    memory.map(0, lo, { hi, level });
    expect(walk(memory, 0)).toMatchObject({ outcome: 'misconfiguration', level });
  });

  it('allows execute-only pages', () => {
    const memory = new Memory();
    memory.map(0, 0x9000 | WB | 4, {});
    expect(walk(memory, 0)).toMatchObject({ outcome: 'mapped', rights: 4 });
  });
});

function setup() {
  const memory = new Memory();
  const linear = new WebAssembly.Memory({ initial: 16 });
  const registers = new Registers(linear, 0);
  const state = new VmxState(registers);
  const { read } = memory;
  const tables = new SecondDimension({
    tables: new ExtendedPageTables(read, state),
    registers,
    memory: linear,
    address: 0x1_0000,
  });
  tables.use(ROOT, EPTP);
  return { memory, registers, state, tables };
}

describe('cached translations', () => {
  it('stay until INVEPT', () => {
    const { memory, tables } = setup();
    memory.map(0x5000, 0x9000 | WB | 7);
    expect(tables.translate(0x5008, EPT.READ)).toBe(0x9000);
    memory.map(0x5000, 0xb000 | WB | 7);
    expect(tables.translate(0x5008, EPT.READ)).toBe(0x9000);
    tables.invalidate((tag) => tag === EPTP);
    expect(tables.translate(0x5008, EPT.READ)).toBe(0xb000);
    memory.map(0x5000, 0xc000 | WB | 7);
    tables.invalidate();
    expect(tables.translate(0x5008, EPT.READ)).toBe(0xc000);
  });

  it('never hide rights that were added, since absent ones are not cached', () => {
    const { memory, tables } = setup();
    expect(tables.translate(0x5000, EPT.READ)).toBe(-1);
    memory.map(0x5000, 0x9000 | WB | EPT.READ);
    expect(tables.translate(0x5000, EPT.READ)).toBe(0x9000);
    expect(tables.translate(0x5000, EPT.WRITE)).toBe(-1);
    memory.map(0x5000, 0x9000 | WB | EPT.READ | EPT.WRITE);
    expect(tables.translate(0x5000, EPT.WRITE)).toBe(0x9000);
    expect(tables.rights).toBe(3);
  });

  it('are kept apart by EPT pointer', () => {
    const { memory, tables } = setup();
    memory.map(0x5000, 0x9000 | WB | 7);
    expect(tables.translate(0x5000, EPT.READ)).toBe(0x9000);
    tables.use(0x10_0000, 0x10_0000 | 0x1e);
    expect(tables.translate(0x5000, EPT.READ)).toBe(-1);
    tables.use(ROOT, EPTP);
    expect(tables.translate(0x5000, EPT.READ)).toBe(0x9000);
  });

  it('agree with walks for any pages in any order', () => {
    const page = fc.integer({ min: 0, max: 0xffff }).map((n) => n * 0x1000);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(page, fc.integer({ min: 0, max: 7 })), { minLength: 1 }),
        fc.array(page),
        (maps, asks) => {
          const { memory, tables } = setup();
          for (const [at, rights] of maps) memory.map(at, (at ^ 0x5555_0000) | WB | rights);
          for (const ask of [...asks, ...maps.map(([at]) => at), ...asks]) {
            const expected = walk(memory, ask);
            const ok = expected.outcome === 'mapped' && (expected.rights & EPT.READ) !== 0;
            expect(tables.translate(ask, EPT.READ)).toBe(ok ? expected.page : -1);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a refused access', () => {
  it('is a violation with access, rights and linear address', () => {
    const { memory, registers, state, tables } = setup();
    memory.map(0x5000, 0x9000 | WB | EPT.READ | EPT.EXECUTE);
    tables.refuse(0x5123, { rights: EPT.WRITE, linear: -0x8000_0000_0000, final: true });
    expect(registers.faultVector).toBe(FAULT_VM_EXIT);
    expect(state.pendingReason).toBe(EXIT.EPT_VIOLATION);
    expect(state.pendingFlags).toBe(
      EPT_VIOLATION.WRITE |
        EPT_VIOLATION.READABLE |
        EPT_VIOLATION.EXECUTABLE |
        EPT_VIOLATION.LINEAR_VALID |
        EPT_VIOLATION.FINAL,
    );
    expect(state.pendingPhysical).toBe(0x5123);
    expect([state.pendingLinearLo, state.pendingLinearHi]).toEqual([0, 0xffff_8000]);
  });

  it('to a paging structure says so', () => {
    const { state, tables } = setup();
    tables.refuse(0x5000, { rights: EPT.READ, linear: 0x1000, final: false });
    expect(state.pendingFlags).toBe(EPT_VIOLATION.READ | EPT_VIOLATION.LINEAR_VALID);
  });

  it('is a misconfiguration where an entry is one', () => {
    const { memory, state, tables } = setup();
    memory.map(0x5000, 0x9000 | WB | EPT.WRITE);
    expect(tables.translate(0x5000, EPT.READ)).toBe(-1);
    tables.refuse(0x5000, { rights: EPT.READ, linear: undefined, final: false });
    expect(state.pendingReason).toBe(EXIT.EPT_MISCONFIGURATION);
  });
});
