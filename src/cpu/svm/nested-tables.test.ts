/** Nested page tables as the second dimension: what is cached allows no more than the tables, and no write before D. */
import fc from 'fast-check';
import { beforeEach, expect, it } from 'vitest';
import { NPF } from '../../arch/svm.ts';
import { ACCESS, PTE } from '../paging.ts';
import { Registers } from '../registers.ts';
import { FAULT_VM_EXIT, LAYOUT, TLB } from '../state.ts';
import { translationArea } from '../tlb.ts';
import { PhysicalWords } from '../virtualization/physical.ts';
import { SecondDimension } from '../virtualization/second-dimension.ts';
import { NestedPageTables } from './nested-tables.ts';
import { SvmState } from './state.ts';

const PAGE = 0x1000;
const RAM = 64 * PAGE;
const [ROOT, PDPT, PD, PT] = [0x1000, 0x2000, 0x3000, 0x4000];
const NX = 1 << 31;

const memory = new WebAssembly.Memory({ initial: (LAYOUT.RAM + RAM) / 0x1_0000, maximum: 0x1_0000 });
const registers = new Registers(memory, LAYOUT.CPUS);
const physical = new PhysicalWords(memory, RAM);
const state = new SvmState(registers);
const told: number[] = [];
const tables = new NestedPageTables(physical, state, (address) => told.push(address));
const nested = new SecondDimension({
  tables,
  registers,
  memory,
  address: translationArea(registers) + TLB.SETS * TLB.SET_SIZE,
});

const entry = (table: number, index: number, lo: number, hi = 0): void => {
  physical.write(table + 8 * index, lo);
  physical.write(table + 8 * index + 4, hi);
};
const lowOf = (table: number, index: number): number => physical.read(table + 8 * index);

beforeEach(() => {
  new Uint8Array(memory.buffer, LAYOUT.RAM, RAM).fill(0);
  entry(ROOT, 0, PDPT | 7);
  entry(PDPT, 0, PD | 7);
  entry(PD, 0, PT | 7);
  tables.noExecute = true;
  told.length = 0;
  nested.use(ROOT, 1);
  nested.invalidate();
});

it('a page that was read may be written only by another walk, which sets D and tells of it', () => {
  entry(PT, 5, 0x9007);
  expect(nested.translate(0x5123, ACCESS.READ)).toBe(0x9000);
  expect([lowOf(PT, 5) & (PTE.A | PTE.D), nested.rights & ACCESS.WRITE]).toEqual([PTE.A, 0]);
  expect(nested.translate(0x5123, ACCESS.WRITE)).toBe(0x9000);
  expect([lowOf(PT, 5) & PTE.D, nested.rights]).toEqual([PTE.D, ACCESS.READ | ACCESS.WRITE | ACCESS.EXECUTE]);
  // Four entries were accessed, then the leaf became dirty.
  expect(told).toEqual([ROOT, PDPT, PD, PT + 40, PT + 40]);
});

it('finds pages of 2 MiB and 1 GiB', () => {
  entry(PD, 1, 0x40_0087);
  entry(PDPT, 1, 0x4000_0087);
  expect(nested.translate(0x20_5678, ACCESS.READ)).toBe(0x40_5000);
  expect(nested.translate(0x4123_4567, ACCESS.READ)).toBe(0x4123_4000);
});

it('refuses with what the entry says, and leaves the marks alone', () => {
  entry(PT, 5, 0x9005, NX);
  expect(nested.translate(0x5000, ACCESS.WRITE)).toBe(-1);
  expect(lowOf(PT, 5)).toBe(0x9005);
  nested.refuse(0x5000, { rights: ACCESS.EXECUTE, linear: 0, final: true });
  expect(registers.faultVector).toBe(FAULT_VM_EXIT);
  const expected = NPF.HIGH.FINAL * 2 ** 32 + (NPF.PRESENT | NPF.USER | NPF.FETCH);
  expect(state.fault).toEqual({ info1: expected, guestPhysical: 0x5000 });
});

it.each([
  ['bit 7 of the root', ROOT, 0, PDPT | 0x87, 0],
  ['bit 40 of an address', PT, 5, 0x9007, 1 << 8],
  ['an address within a page of 2 MiB', PD, 0, 0x40_2087, 0],
  ['bit 63 without EFER.NXE', PT, 5, 0x9007, NX],
])('%s is reserved', (_, table, index, lo, hi) => {
  entry(PT, 5, 0x9007);
  tables.noExecute = hi !== NX;
  entry(table, index, lo, hi);
  expect(nested.translate(0x5000, ACCESS.READ)).toBe(-1);
  nested.refuse(0x5000, { rights: ACCESS.READ, linear: 0, final: false });
  expect(state.fault.info1).toBe(NPF.HIGH.TABLE * 2 ** 32 + (NPF.PRESENT | NPF.USER | NPF.RESERVED));
});

it('any accesses in any order get what a walk of unmarked tables would give', () => {
  const bits = fc.constantFrom(0, 1, 3, 5, 7);
  const access = fc.constantFrom(ACCESS.READ, ACCESS.WRITE, ACCESS.EXECUTE, ACCESS.READ | ACCESS.WRITE);
  const arbitrary = fc.record({
    pages: fc.array(fc.tuple(bits, fc.boolean()), { minLength: 4, maxLength: 4 }),
    upper: fc.constantFrom(3, 5, 7),
    accesses: fc.array(fc.tuple(fc.nat(3), access), { maxLength: 20 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ pages, upper, accesses }) => {
      entry(PD, 0, PT | upper);
      for (const [i, [low, noExecute]] of pages.entries()) {
        entry(PT, i, (0x8000 + PAGE * i) | low, noExecute ? NX : 0);
      }
      nested.invalidate();
      for (const [page, wanted] of accesses) {
        const [low, noExecute] = pages[page] as [number, boolean];
        const rights = low & upper;
        const isUser = (rights & PTE.U) !== 0 && (low & PTE.P) !== 0;
        const writable = (wanted & ACCESS.WRITE) === 0 || (rights & PTE.W) !== 0;
        const executable = (wanted & ACCESS.EXECUTE) === 0 || !noExecute;
        const expected = isUser && writable && executable ? 0x8000 + PAGE * page : -1;
        expect(nested.translate(page * PAGE, wanted)).toBe(expected);
      }
    }),
  );
});
