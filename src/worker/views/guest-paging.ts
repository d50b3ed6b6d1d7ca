import { CR0, CR4, EFER } from '../../arch/registers.ts';
import type { WalkView } from '../../protocol/walk-view.ts';
import type { ProcessorState } from './processor-state.ts';

/** One level of a guest's paging structures. */
export interface PagingLevel {
  readonly name: string;
  /** 1 for PT. */
  readonly number: number;
  /** The index is `(linear >> shift) & mask`. */
  readonly shift: bigint;
  readonly mask: bigint;
  /** log2 of the page that an entry with PS = 1 maps; absent where PS does not do that. */
  readonly largeShift?: bigint;
  readonly last: boolean;
  /** Whether bits 1, 2 and 63 of its entries limit access. */
  readonly hasRights: boolean;
}

export interface GuestPaging {
  readonly name: Exclude<WalkView['paging'], 'off'>;
  /** Guest-physical address of the first table. */
  readonly root: bigint;
  readonly entrySize: 4 | 8;
  readonly levels: readonly PagingLevel[];
  /** What is wrong with an entry that the hardware reads; null when it is usable. */
  check(raw: bigint, level: PagingLevel, leaf: boolean): string | null;
  /** Guest-physical address of the page that a leaf maps. */
  pageBase(raw: bigint, pageShift: bigint): bigint;
}

const ADDRESS = 0x000f_ffff_ffff_f000n;

const level = (
  name: string,
  number: number,
  shift: bigint,
  mask: bigint,
  rest: Partial<PagingLevel> = {},
): PagingLevel => ({
  name,
  number,
  shift,
  mask,
  last: number === 1,
  hasRights: true,
  ...rest,
});

const PT = level('PT', 1, 12n, 511n);
const PD = level('PD', 2, 21n, 511n, { largeShift: 21n });

const FOUR_LEVELS = [level('PML4', 4, 39n, 511n), level('PDPT', 3, 30n, 511n, { largeShift: 30n }), PD, PT];
const PAE_LEVELS = [level('PDPT', 3, 30n, 3n, { hasRights: false }), PD, PT];
const LEVELS_32 = [level('PD', 2, 22n, 1023n), level('PT', 1, 12n, 1023n)];
const LEVELS_32_PSE = [level('PD', 2, 22n, 1023n, { largeShift: 22n }), level('PT', 1, 12n, 1023n)];

/** The paging mode that the control registers select; null when paging is off. SDM volume 3A, "Paging Modes". */
export function guestPaging(state: ProcessorState): GuestPaging | null {
  const has = (value: bigint, mask: number) => (value & BigInt(mask >>> 0)) !== 0n;
  if (!has(state.cr0, CR0.PG)) return null;
  const executeDisable = has(state.efer, EFER.NXE);
  const wide = {
    entrySize: 8 as const,
    check: (raw: bigint, of: PagingLevel, leaf: boolean) => checkWide(raw, of, leaf, executeDisable),
    pageBase: (raw: bigint, shift: bigint) => raw & ADDRESS & ~((1n << shift) - 1n),
  };
  if (has(state.efer, EFER.LMA))
    return { ...wide, name: '4-level', root: state.cr3 & ADDRESS, levels: FOUR_LEVELS };
  if (has(state.cr4, CR4.PAE))
    return { ...wide, name: 'PAE', root: state.cr3 & 0xffff_ffe0n, levels: PAE_LEVELS };
  return {
    name: '32-bit',
    root: state.cr3 & 0xffff_f000n,
    entrySize: 4,
    levels: has(state.cr4, CR4.PSE) ? LEVELS_32_PSE : LEVELS_32,
    check: (raw) => (raw & 1n ? null : NOT_PRESENT),
    // PSE-36: bits 20:13 of a 4 MiB entry are bits 39:32 of the address.
    pageBase: (raw, shift) =>
      shift === 22n ? (((raw >> 13n) & 0xffn) << 32n) | (raw & 0xffc0_0000n) : raw & 0xffff_f000n,
  };
}

const NOT_PRESENT = 'not present (P = 0)';

function checkWide(
  raw: bigint,
  { name, largeShift }: PagingLevel,
  leaf: boolean,
  executeDisable: boolean,
): string | null {
  if ((raw & 1n) === 0n) return NOT_PRESENT;
  if (!executeDisable && raw >> 63n) return 'reserved bit 63 is set while EFER.NXE = 0';
  if ((raw >> 40n) & 0xfffn) return 'reserved address bits 51:40 are set';
  if (name === 'PML4' && raw & 0x80n) return 'reserved bit 7 is set';
  if (leaf && largeShift !== undefined && (raw & ((1n << largeShift) - 1n) & ~0x1fffn) !== 0n) {
    return 'reserved address bits of a large page are set';
  }
  return null;
}
