/** One EPT walk as a report. SDM volume 3C, "The Extended Page Table Mechanism (EPT)". */
import { EPT, EPT_LEVELS, MEMORY_TYPE } from '../../arch/ept.ts';
import type { EntryRead, NestedReport, ReadWord } from './entry.ts';

const HIGH = 0x1_0000_0000;
const PAGE_BYTES = [0, 0x1000, 0x20_0000, 0x4000_0000];
const TYPES: readonly number[] = Object.values(MEMORY_TYPE);

function faultOf(lo: number, leaf: boolean): string | undefined {
  if ((lo & EPT.RIGHTS) === 0) return 'EPT violation: the entry is not present (no right is set)';
  if ((lo & (EPT.READ | EPT.WRITE)) === EPT.WRITE) return 'EPT misconfiguration: writable but not readable';
  const type = (lo & EPT.MEMORY_TYPE_MASK) >> EPT.MEMORY_TYPE_SHIFT;
  if (leaf && !TYPES.includes(type)) return `EPT misconfiguration: memory type ${type} is reserved`;
  return undefined;
}

/** `eptp` undefined: the machine has no EPT, addresses are host-physical already. */
export function explainNested(read: ReadWord, eptp: number | undefined, guestPhysical: number): NestedReport {
  if (eptp === undefined) {
    return {
      guestPhysical,
      entries: [],
      hostPhysical: guestPhysical,
      pageSize: undefined,
      rights: EPT.RIGHTS,
    };
  }
  const entries: EntryRead[] = [];
  let table = eptp - (eptp % 0x1000);
  let rights: number = EPT.RIGHTS;
  for (let level = 4; level > 0; level--) {
    const index = Math.floor(guestPhysical / 2 ** (12 + 9 * (level - 1))) % 512;
    const address = table + index * 8;
    const lo = read(address);
    const hi = read(address + 4);
    const large = (lo & EPT.LARGE) !== 0 && level < 4;
    const leaf = (level === 1 || large) && (lo & EPT.RIGHTS) !== 0;
    const fault = faultOf(lo, leaf);
    entries.push({ level, table: EPT_LEVELS[level], index, address, lo, hi, size: 8, leaf, fault });
    rights &= lo;
    if (fault !== undefined)
      return { guestPhysical, entries, hostPhysical: undefined, pageSize: undefined, rights };
    table = (hi & 0xf_ffff) * HIGH + ((lo & ~0xfff) >>> 0);
    if (leaf) {
      const pageSize = PAGE_BYTES[level];
      const base = table - (table % pageSize);
      return { guestPhysical, entries, hostPhysical: base + (guestPhysical % pageSize), pageSize, rights };
    }
  }
  throw new Error('an EPT walk ends at level 1');
}
