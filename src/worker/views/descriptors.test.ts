import { expect, test } from 'vitest';
import { descriptorsView } from './descriptors.ts';
import { longModeState } from './testing.ts';

const OF = { vm: 1, vcpu: 0 };
const GDT = 0x1000n;
const IDT = 0x2000n;

function reader(tables: ReadonlyMap<bigint, readonly bigint[]>) {
  return (address: bigint, length: number): Uint8Array => {
    const words = tables.get(address) ?? [];
    return new Uint8Array(BigUint64Array.from(words).buffer).slice(0, length);
  };
}

test('segments, a TSS of 16 bytes, and gates with IST are decoded in IA-32e mode', () => {
  const read = reader(
    new Map([
      [GDT, [0n, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x1200_8b34_5678_0067n, 0xffff_8000n]],
      // Vector 0: empty; vector 1: interrupt gate, IST 2.
      [IDT, [0n, 0n, 0x1234_ee02_0008_5678n, 0xffff_ffffn]],
    ]),
  );
  const state = longModeState({ gdtr: { base: GDT, limit: 39 }, idtr: { base: IDT, limit: 31 } });
  const nameOf = (address: bigint) =>
    address === 0xffff_ffff_1234_5678n ? { name: 'debug', offset: 0 } : undefined;
  const { tables } = descriptorsView({ of: OF, state, read, nameOf });
  const [gdt, idt] = ['GDT', 'IDT'].map((name) => tables.find((table) => table.name === name));
  expect(gdt?.empty).toBe(1);
  expect(gdt?.entries.map(({ name, type, describes }) => [name, type, describes])).toEqual([
    ['0008', 'code 64-bit, execute/read', 'base 0x0, limit 0xffffffff'],
    ['0010', 'data, read/write', 'base 0x0, limit 0xffffffff'],
    ['0018', 'TSS, busy', 'base 0xffff800012345678, limit 0x67'],
  ]);
  expect(gdt?.entries[0]?.loadedIn).toEqual(['cs']);
  expect(gdt?.entries[2]?.bytes).toBe(16);
  expect(idt?.entries).toMatchObject([
    {
      name: '1 #DB',
      type: 'interrupt gate',
      describes: '0008:ffffffff12345678 debug, IST 2',
      dpl: 3,
      present: true,
    },
  ]);
  expect(idt?.entries[0]?.fields.find(({ name }) => name === 'IST')?.meaning).toBe('stack 2 of the TSS');
});

test('real mode has an interrupt vector table', () => {
  const read = reader(new Map([[0n, [0x1234_0005n << 32n]]]));
  const state = longModeState({ cr0: 0n, efer: 0n, idtr: { base: 0n, limit: 0x3ff } });
  const { tables } = descriptorsView({ of: OF, state, read, nameOf: () => undefined });
  const ivt = tables.find(({ name }) => name === 'IVT');
  expect(ivt?.entries).toMatchObject([{ index: 1, describes: '1234:0005 at 0x12345' }]);
  expect(ivt?.missing).toBe('No memory is mapped at 0x8.');
});
