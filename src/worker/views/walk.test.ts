import { expect, test } from 'vitest';
import { EFER } from '../../arch/registers.ts';
import { longModeState } from './testing.ts';
import { walkView } from './walk.ts';

const OF = { vm: 1, vcpu: 0 };

/** Memory as a map from address to entry. */
function memory(entries: Readonly<Record<string, bigint>>) {
  const words = new Map(Object.entries(entries).map(([address, value]) => [BigInt(address), value]));
  return (address: bigint): bigint => words.get(address) ?? 0n;
}

const GUEST = { '0x1000': 0x2003n, '0x2000': 0x3003n, '0x3000': 0x4003n, '0x4008': 0x9061n };
const LINEAR = 0x1234n;

test('four levels on a bare machine', () => {
  const view = walkView({
    of: OF,
    linear: LINEAR,
    state: longModeState({ cr3: 0x1000n }),
    eptp: null,
    read: memory(GUEST),
  });
  expect(view.levels.map(({ entry }) => [entry?.level, entry?.index, entry?.address])).toEqual([
    ['PML4', 0, 0x1000n],
    ['PDPT', 0, 0x2000n],
    ['PD', 0, 0x3000n],
    ['PT', 1, 0x4008n],
  ]);
  expect(view).toMatchObject({ paging: '4-level', references: 4 });
  expect(view.end).toEqual({
    kind: 'mapped',
    guestPhysical: 0x9234n,
    hostPhysical: 0x9234n,
    guestPage: 4096,
    nestedPage: null,
    rights: 'read, execute; supervisor only',
  });
});

/** EPT at 10 0000h that maps the first 2 MiB of the guest at 20 0000h with small pages, and no more. */
const EPT_TABLES: Record<string, bigint> = {
  '0x100000': 0x101007n,
  '0x101000': 0x102007n,
  '0x102000': 0x103007n,
};
for (let page = 0; page < 16; page++)
  EPT_TABLES[String(0x103000 + page * 8)] = BigInt(0x200000 + page * 4096) | 0x37n;
const GUEST_UNDER_EPT = Object.fromEntries(
  Object.entries(GUEST).map(([at, raw]) => [String(Number(at) + 0x200000), raw]),
);
const UNDER_EPT = { of: OF, state: longModeState({ cr3: 0x1000n }), eptp: 0x10001en };

test('four levels under four levels make 24 references', () => {
  const view = walkView({
    ...UNDER_EPT,
    linear: LINEAR,
    read: memory({ ...EPT_TABLES, ...GUEST_UNDER_EPT }),
  });
  expect(view.references).toBe(24);
  expect(view.end).toMatchObject({ guestPhysical: 0x9234n, hostPhysical: 0x209234n, nestedPage: 4096 });
  expect(view.levels.every(({ nested }) => nested.entries.length === 4)).toBe(true);
});

test('a guest entry that is not present ends in #PF', () => {
  const view = walkView({
    ...UNDER_EPT,
    linear: 0x5000n,
    read: memory({ ...EPT_TABLES, ...GUEST_UNDER_EPT }),
  });
  expect(view.end).toEqual({ kind: 'fault', fault: '#PF', why: 'PT entry 5: not present (P = 0)' });
  expect(view.page).toBeNull();
});

test('a guest page outside its EPT ends in an EPT violation', () => {
  const beyond = { ...GUEST_UNDER_EPT, [String(0x204008)]: 0x40_0003n };
  const view = walkView({ ...UNDER_EPT, linear: LINEAR, read: memory({ ...EPT_TABLES, ...beyond }) });
  expect(view.end).toMatchObject({ fault: 'EPT violation' });
  expect(view.page?.entries.at(-1)).toMatchObject({ level: 'EPT PD', index: 2 });
});

test('an EPT entry that is writable but not readable is a misconfiguration', () => {
  const broken = { ...EPT_TABLES, '0x102000': 0x103002n };
  const view = walkView({ ...UNDER_EPT, linear: LINEAR, read: memory({ ...broken, ...GUEST_UNDER_EPT }) });
  expect(view.end).toMatchObject({ fault: 'EPT misconfiguration' });
  expect(view.levels).toHaveLength(1);
});

test('a 2 MiB page ends the walk one level early; XD without NXE is reserved', () => {
  const large = memory({ '0x1000': 0x2007n, '0x2000': 0x3007n, '0x3000': 0x8000_0000_0060_0087n });
  const request = { of: OF, linear: 0x12_3456n, eptp: null, read: large };
  const state = longModeState({ cr3: 0x1000n });
  const nxe = { ...state, efer: state.efer | BigInt(EFER.NXE) };
  expect(walkView({ ...request, state: nxe }).end).toMatchObject({
    hostPhysical: 0x72_3456n,
    guestPage: 0x20_0000,
    rights: 'read, write; user and supervisor',
  });
  expect(walkView({ ...request, state }).end).toMatchObject({ why: expect.stringContaining('EFER.NXE') });
});

test('32-bit paging, and none', () => {
  const state = longModeState({ cr3: 0x1000n, efer: 0n, cr4: 0n });
  const read = memory({ '0x1004': 0x2007n, '0x2004': 0x7007n });
  expect(walkView({ of: OF, linear: 0x40_1010n, state, eptp: null, read })).toMatchObject({
    paging: '32-bit',
    references: 2,
    end: { hostPhysical: 0x7010n },
  });
  const off = { ...state, cr0: 1n };
  expect(walkView({ of: OF, linear: 0x500n, state: off, eptp: null, read })).toMatchObject({
    paging: 'off',
    levels: [],
    references: 0,
    end: { kind: 'mapped', hostPhysical: 0x500n, guestPage: null, rights: 'read, write, execute' },
  });
});
