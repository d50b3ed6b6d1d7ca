/**
 * One walk of extended page tables. SDM volume 3C, "EPT Translation Mechanism", "EPT
 * Misconfigurations", "EPT Violations".
 */
import { EPT, MEMORY_TYPE } from '../../arch/ept.ts';
import { PHYSICAL_BITS } from '../paging.ts';
import type { EntryListener } from '../virtualization/second-dimension.ts';

/** What a walk found; one object is reused for all walks of a processor. */
export interface EptWalk {
  outcome: 'mapped' | 'violation' | 'misconfiguration';
  /** Host-physical address of the 4 KiB page that holds the guest-physical address (mapped). */
  page: number;
  /** Rights that all entries together allow, `EPT.READ | WRITE | EXECUTE`. */
  rights: number;
  /** Level of the last entry read: 1 for a 4 KiB page, 2 for 2 MiB, 3 for 1 GiB. */
  level: number;
}

export const emptyWalk = (): EptWalk => ({ outcome: 'violation', page: 0, rights: 0, level: 0 });

const LEVELS = 4;
const RESERVED_TYPE = (1 << 2) | (1 << 3) | (1 << 7);

/** Address bits beyond the physical-address width are reserved. */
const RESERVED_HIGH = 0x000f_ffff & ~((1 << (PHYSICAL_BITS - 32)) - 1);
const ADDRESS_HIGH = 0x000f_ffff;

/** Bits that must be 0 in an entry that is not a leaf, by level; and in a leaf, by level. */
const RESERVED_TABLE = [0, 0, 0x78, 0x78, 0xf8];
const RESERVED_LEAF = [0, 0, 0x001f_f000, 0x3fff_f000, 0];

/** Reads a 32-bit word of host-physical memory: -1 (all ones) where there is no RAM. */
export type ReadPhysical = (address: number) => number;

/**
 * Translates `guestPhysical` by the tables that `eptp` (a number) points to and leaves the answer in
 * `walk`. A violation is reported only for entries that are not present: whether the rights suffice
 * is for the caller to compare.
 */
export function walkEpt(
  read: ReadPhysical,
  eptp: number,
  guestPhysical: number,
  walk: EptWalk,
  listener?: EntryListener,
): void {
  let table = Math.floor(eptp / 0x1000) * 0x1000;
  let rights = EPT.RIGHTS as number;
  const pageNumber = Math.floor(guestPhysical / 0x1000);
  const upper = Math.floor(pageNumber / 0x4_0000);
  for (let level = LEVELS; ; level--) {
    const index = level > 2 ? (upper >>> ((level - 3) * 9)) & 511 : (pageNumber >>> ((level - 1) * 9)) & 511;
    const lo = read(table + index * 8);
    walk.level = level;
    if ((lo & EPT.RIGHTS) === 0) {
      listener?.(level, table + index * 8, lo, 0);
      walk.outcome = 'violation';
      walk.rights = 0;
      return;
    }
    const hi = read(table + index * 8 + 4);
    listener?.(level, table + index * 8, lo, hi);
    const leaf = level === 1 || (level < LEVELS && (lo & EPT.LARGE) !== 0);
    if (misconfigured(lo, hi, level, leaf)) {
      walk.outcome = 'misconfiguration';
      walk.rights = 0;
      return;
    }
    rights &= lo;
    const base = (hi & ADDRESS_HIGH) * 0x1_0000_0000 + ((lo & ~0xfff) >>> 0);
    if (leaf) {
      const pages = level === 1 ? 1 : level === 2 ? 0x200 : 0x4_0000;
      walk.outcome = 'mapped';
      walk.rights = rights;
      walk.page = base + (pageNumber % pages) * 0x1000;
      return;
    }
    table = base;
  }
}

function misconfigured(lo: number, hi: number, level: number, leaf: boolean): boolean {
  // Writable but not readable. (Execute-only is allowed: IA32_VMX_EPT_VPID_CAP bit 0.)
  if ((lo & (EPT.READ | EPT.WRITE)) === EPT.WRITE) return true;
  if ((hi & RESERVED_HIGH) !== 0) return true;
  if (!leaf) return (lo & (RESERVED_TABLE[level] as number)) !== 0;
  if ((lo & (RESERVED_LEAF[level] as number)) !== 0) return true;
  return ((RESERVED_TYPE >> ((lo & EPT.MEMORY_TYPE_MASK) >> EPT.MEMORY_TYPE_SHIFT)) & 1) !== 0;
}

/** Memory types that an EPT pointer may name. */
export const validTableType = (type: number): boolean => type === MEMORY_TYPE.UC || type === MEMORY_TYPE.WB;
