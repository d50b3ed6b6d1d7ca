import { MEMORY_TYPE } from '../../arch/ept.ts';
import type { FieldFormat } from './bit-fields.ts';

/**
 * Page-table entries down to their bits, for people. SDM volume 3A, "4-Level Paging", "PAE Paging",
 * "32-Bit Paging"; volume 3C, "The Extended Page Table Mechanism (EPT)".
 */

const COMMON: readonly FieldFormat[] = [
  { name: 'P', low: 0, meaning: ['not present', 'present'] },
  { name: 'R/W', low: 1, meaning: ['read-only', 'writable'] },
  { name: 'U/S', low: 2, meaning: ['supervisor only', 'user may access'] },
  { name: 'PWT', low: 3, meaning: ['write-back', 'write-through'] },
  { name: 'PCD', low: 4, meaning: ['cached', 'not cached'] },
  { name: 'A', low: 5, meaning: ['not accessed yet', 'has been accessed'] },
];

const LEAF: readonly FieldFormat[] = [
  { name: 'D', low: 6, meaning: ['not written yet', 'has been written'] },
  { name: 'G', low: 8, meaning: ['flushed with CR3', 'global: stays over loads of CR3'] },
];

const PAGE_SIZE: FieldFormat = { name: 'PS', low: 7, meaning: ['points to a table', 'maps a large page'] };
const EXECUTE_DISABLE: FieldFormat = { name: 'XD', low: 63, meaning: ['may be executed', 'never executed'] };

const addressField = (low: number, high: number, leaf: boolean): FieldFormat => ({
  name: leaf ? 'page' : 'table',
  low,
  high,
  meaning: (value) => `at 0x${(value << BigInt(low)).toString(16)}`,
});

export interface EntryShape {
  /** log2 of the page size when the entry maps a page, else undefined. */
  readonly pageShift: number | undefined;
  /** 4: 32-bit paging; 8: PAE and 4-level. */
  readonly size: 4 | 8;
  /** Level 1 is PT. */
  readonly level: number;
}

/** Formats for an entry of a guest's tables. */
export function guestEntryFormats({ pageShift, size, level }: EntryShape): FieldFormat[] {
  const top = size === 8 ? 51 : 31;
  const leaf = pageShift !== undefined;
  return [
    ...COMMON,
    ...(leaf ? LEAF.slice(0, 1) : []),
    ...(level === 2 || level === 3 ? [PAGE_SIZE] : []),
    ...(leaf ? LEAF.slice(1) : []),
    addressField(pageShift ?? 12, top, leaf),
    ...(size === 8 ? [EXECUTE_DISABLE] : []),
  ];
}

const MEMORY_TYPES = Object.fromEntries(Object.entries(MEMORY_TYPE).map(([name, value]) => [value, name]));

/** Formats for an EPT entry. */
export function eptEntryFormats({ pageShift, level }: EntryShape): FieldFormat[] {
  const leaf = pageShift !== undefined;
  const memoryType: FieldFormat = {
    name: 'type',
    low: 3,
    high: 5,
    meaning: (value) => `memory type ${MEMORY_TYPES[Number(value)] ?? 'reserved'}`,
  };
  return [
    { name: 'R', low: 0, meaning: ['no reading', 'may be read'] },
    { name: 'W', low: 1, meaning: ['no writing', 'may be written'] },
    { name: 'X', low: 2, meaning: ['no execution', 'may be executed'] },
    ...(leaf
      ? [memoryType, { name: 'IPAT', low: 6, meaning: ['PAT counts', "the guest's PAT is ignored"] as const }]
      : []),
    ...(level === 2 || level === 3 ? [PAGE_SIZE] : []),
    { name: 'A', low: 8, meaning: ['not accessed yet', 'has been accessed'] },
    ...(leaf ? [{ name: 'D', low: 9, meaning: ['not written yet', 'has been written'] as const }] : []),
    addressField(pageShift ?? 12, 51, leaf),
  ];
}
