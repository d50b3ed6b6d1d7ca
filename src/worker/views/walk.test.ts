import { expect, test } from 'vitest';
import { CR0, CR4, EFER } from '../../arch/registers.ts';
import { explainWalk } from '../../hypervisor/walk/explain.ts';
import { walkView } from './walk.ts';

const OF = { vm: 1, vcpu: 0 };
const REGISTERS = { cr0: CR0.PG | CR0.PE, cr3: 0x1000, cr4: CR4.PAE, efer: EFER.LMA | EFER.LME };

/** Memory as a map from address to 64-bit entry. */
function memory(entries: Readonly<Record<number, number>>) {
  return (address: number): number => {
    const entry = entries[address - (address % 8)] ?? 0;
    return address % 8 === 0 ? entry >>> 0 : Math.floor(entry / 0x1_0000_0000);
  };
}

test('entries become levels with their bits; addresses are unsigned', () => {
  const linear = -0x1000;
  const read = memory({ 8184: 0x2003, 12280: 0x3003, 16376: 0x4003, 20472: 0x9061 });
  const view = walkView(OF, explainWalk({ registers: REGISTERS, linear, nestedRoot: undefined, read }));
  expect(view.linear).toBe(0xffff_ffff_ffff_f000n);
  expect(view.levels.map(({ entry }) => [entry?.level, entry?.index, entry?.leaf])).toEqual([
    ['PML4', 511, false],
    ['PDPT', 511, false],
    ['PD', 511, false],
    ['PT', 511, true],
  ]);
  const bits = view.levels.at(-1)?.entry?.fields;
  expect(bits?.find(({ name }) => name === 'page')?.meaning).toBe('at 0x9000');
  expect(bits?.find(({ name }) => name === 'D')?.value).toBe(1n);
  expect(view.end).toMatchObject({ kind: 'mapped', hostPhysical: 0x9000n, nestedPage: null });
});

test('a 2 MiB page under EPT that does not map it', () => {
  const ept = { 1048576: 0x10_1007, 1052672: 0x10_2007, 1056768: 0xb7 };
  const guest = { 4096: 0x2003, 8192: 0x3003, 12288: 0x8000_0083 };
  const view = walkView(
    OF,
    explainWalk({
      registers: REGISTERS,
      linear: 0x1234,
      nestedRoot: { format: 'ept', pointer: 0x10_001e },
      read: memory({ ...ept, ...guest }),
    }),
  );
  const page = view.levels.at(-1)?.entry;
  expect(page).toMatchObject({ level: 'PD', leaf: true });
  expect(page?.fields.find(({ name }) => name === 'page')).toMatchObject({
    low: 21,
    meaning: 'at 0x80000000',
  });
  const large = view.levels[0]?.nested.entries.at(-1);
  expect(large).toMatchObject({ level: 'EPT PD', leaf: true });
  expect(large?.fields.find(({ name }) => name === 'type')?.meaning).toBe('memory type WB');
  expect(view.end).toMatchObject({ kind: 'fault', fault: 'EPT violation' });
  expect(view.page?.hostPhysical).toBeNull();
});
