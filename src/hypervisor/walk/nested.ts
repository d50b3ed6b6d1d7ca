/**
 * One walk of the second dimension as a report. SDM volume 3C, "The Extended Page Table Mechanism (EPT)"; AMD APM
 * volume 2, "Nested Paging".
 */
import { EPT, EPT_LEVELS, MEMORY_TYPE } from '../../arch/ept.ts';
import type { NestedRoot } from '../../contracts/nested-root.ts';
import type { EntryRead, NestedReport, ReadWord } from './entry.ts';

const HIGH = 0x1_0000_0000;
const PAGE_BYTES = [0, 0x1000, 0x20_0000, 0x4000_0000];
const TYPES: readonly number[] = Object.values(MEMORY_TYPE);

/** What entries of a format say. A bit 7 makes a leaf of both kinds. */
interface Format {
  /** By level. */
  readonly names: readonly string[];
  isPresent(lo: number): boolean;
  /** Why a walk cannot go past the entry; undefined when it can. */
  faultOf(lo: number, leaf: boolean): string | undefined;
  /** 1 read, 2 write, 4 execute. */
  rightsOf(lo: number, hi: number): number;
}

const PTE = { P: 1, W: 2, U: 4, NX_HIGH: 1 << 31 } as const;

const FORMATS: Readonly<Record<NestedRoot['format'], Format>> = {
  ept: {
    names: EPT_LEVELS,
    isPresent: (lo) => (lo & EPT.RIGHTS) !== 0,
    faultOf: eptFault,
    rightsOf: (lo) => lo & EPT.RIGHTS,
  },
  npt: {
    names: ['', 'NPT PT', 'NPT PD', 'NPT PDPT', 'NPT PML4'],
    isPresent: (lo) => (lo & PTE.P) !== 0,
    faultOf: (lo) => {
      if ((lo & PTE.P) === 0) return 'nested page fault: the entry is not present';
      return lo & PTE.U ? undefined : 'nested page fault: guests are users, and the entry is for supervisors';
    },
    rightsOf: (lo, hi) => EPT.READ | (lo & PTE.W ? EPT.WRITE : 0) | (hi & PTE.NX_HIGH ? 0 : EPT.EXECUTE),
  },
};

function eptFault(lo: number, leaf: boolean): string | undefined {
  if ((lo & EPT.RIGHTS) === 0) return 'EPT violation: the entry is not present (no right is set)';
  if ((lo & (EPT.READ | EPT.WRITE)) === EPT.WRITE) return 'EPT misconfiguration: writable but not readable';
  const type = (lo & EPT.MEMORY_TYPE_MASK) >> EPT.MEMORY_TYPE_SHIFT;
  if (leaf && !TYPES.includes(type)) return `EPT misconfiguration: memory type ${type} is reserved`;
  return undefined;
}

/** `root` undefined: the machine has no second dimension, addresses are host-physical already. */
export function explainNested(
  read: ReadWord,
  root: NestedRoot | undefined,
  guestPhysical: number,
): NestedReport {
  if (root === undefined) {
    return {
      guestPhysical,
      entries: [],
      hostPhysical: guestPhysical,
      pageSize: undefined,
      rights: EPT.RIGHTS,
    };
  }
  const format = FORMATS[root.format];
  const entries: EntryRead[] = [];
  let table = root.pointer - (root.pointer % 0x1000);
  let rights: number = EPT.RIGHTS;
  for (let level = 4; level > 0; level--) {
    const index = Math.floor(guestPhysical / 2 ** (12 + 9 * (level - 1))) % 512;
    const address = table + index * 8;
    const lo = read(address);
    const hi = read(address + 4);
    const large = (lo & EPT.LARGE) !== 0 && level < 4;
    const leaf = (level === 1 || large) && format.isPresent(lo);
    const fault = format.faultOf(lo, leaf);
    entries.push({ level, table: format.names[level], index, address, lo, hi, size: 8, leaf, fault });
    rights &= format.rightsOf(lo, hi);
    if (fault !== undefined)
      return { guestPhysical, entries, hostPhysical: undefined, pageSize: undefined, rights };
    table = (hi & 0xf_ffff) * HIGH + ((lo & ~0xfff) >>> 0);
    if (leaf) {
      const pageSize = PAGE_BYTES[level];
      const base = table - (table % pageSize);
      return { guestPhysical, entries, hostPhysical: base + (guestPhysical % pageSize), pageSize, rights };
    }
  }
  throw new Error('a nested walk ends at level 1');
}
