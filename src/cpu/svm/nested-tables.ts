/**
 * Nested page tables as a second dimension of the page walk: the 4-level tables of a host in long mode, which
 * every access of a guest reads as a user. AMD APM volume 2, "Nested Paging".
 *
 * Accessed and dirty bits are set here as in any page table. So a cached translation allows writes only once
 * the dirty bit is set. A host with other paging cannot run guests with nested paging: see run.ts.
 */
import { NPF } from '../../arch/svm.ts';
import { ACCESS, PHYSICAL_BITS, PTE } from '../paging.ts';
import type { PhysicalWords } from '../virtualization/physical.ts';
import type {
  EntryListener,
  NestedAccess,
  NestedPage,
  NestedTables,
} from '../virtualization/second-dimension.ts';
import type { SvmState } from './state.ts';

const LEVELS = 4;
const NX = 1 << 31;
/** Bits 51:40 of an entry, in its high half. */
const RESERVED_HIGH = 0x000f_ffff & ~((1 << (PHYSICAL_BITS - 32)) - 1);
const ADDRESS_HIGH = 0x000f_ffff;
/** Address bits of a leaf by level that have to be 0; bit 12 is PAT. */
const RESERVED_LEAF = [0, 0, 0x001f_e000, 0x3fff_e000] as const;

export class NestedPageTables implements NestedTables {
  readonly format = 'npt';
  /** The processor reads and marks them in one: so they have to be writable. */
  readonly tableRights = ACCESS.READ | ACCESS.WRITE;
  readonly inGeneratedCode = false;
  /** EFER.NXE of the host at VMRUN. */
  noExecute = false;
  private readonly memory: PhysicalWords;
  private readonly state: SvmState;
  private readonly written: (address: number, bytes: number) => void;
  /** Error-code bits of the walk that ended without a page. */
  private failure = 0;
  /** Entries of the walk under way. */
  private readonly visited = [0, 0, 0, 0];

  constructor(memory: PhysicalWords, state: SvmState, written: (address: number, bytes: number) => void) {
    this.memory = memory;
    this.state = state;
    this.written = written;
  }

  walk(
    root: number,
    guestPhysical: number,
    wanted: number,
    found: NestedPage,
    listener?: EntryListener,
  ): boolean {
    const { memory, visited } = this;
    const pageNumber = Math.floor(guestPhysical / 0x1000);
    let table = root;
    let rights = PTE.W | PTE.U;
    let forbidden = 0;
    found.rights = 0;
    for (let level = LEVELS; ; level--) {
      const at = table + (Math.floor(pageNumber / 512 ** (level - 1)) % 512) * 8;
      const lo = memory.read(at);
      const hi = memory.read(at + 4);
      listener?.(level, at, lo, hi);
      const isLeaf = level === 1 || (level < LEVELS && (lo & PTE.PS) !== 0);
      this.failure = this.failureOf(lo, hi, level, isLeaf);
      if (this.failure >= 0) return false;
      visited[level - 1] = at;
      rights &= lo;
      forbidden |= hi;
      const base = (hi & ADDRESS_HIGH) * 0x1_0000_0000 + ((lo & ~0xfff) >>> 0);
      if (isLeaf) {
        found.page =
          (level === 1 ? base : base - (base % 0x2000)) + (pageNumber % 512 ** (level - 1)) * 0x1000;
        found.rights = this.finish(level, wanted, rights, forbidden);
        return true;
      }
      table = base;
    }
  }

  /** What is wrong with an entry, as bits of the error code; -1: nothing. */
  private failureOf(lo: number, hi: number, level: number, isLeaf: boolean): number {
    if ((lo & PTE.P) === 0) return 0;
    const reserved = isLeaf ? (level === 1 ? 0 : RESERVED_LEAF[level]) : level === LEVELS ? PTE.PS : 0;
    const isReserved = (lo & reserved) !== 0 || (hi & RESERVED_HIGH) !== 0;
    if (isReserved || ((hi & NX) !== 0 && !this.noExecute)) return NPF.PRESENT | NPF.RESERVED;
    return -1;
  }

  /** Marks the entries when the access is allowed. @returns what the cached translation may allow */
  private finish(leafLevel: number, wanted: number, rights: number, forbidden: number): number {
    const { memory, visited } = this;
    if ((rights & PTE.U) === 0) return 0;
    let allowed = ACCESS.READ as number;
    if ((rights & PTE.W) !== 0) allowed |= ACCESS.WRITE;
    if ((forbidden & NX) === 0) allowed |= ACCESS.EXECUTE;
    if ((allowed & wanted) !== wanted) return allowed;
    const writes = (wanted & ACCESS.WRITE) !== 0;
    for (let level = LEVELS; level >= leafLevel; level--) {
      const at = visited[level - 1] as number;
      const mark = level === leafLevel && writes ? PTE.A | PTE.D : PTE.A;
      const entry = memory.read(at);
      if ((entry & mark) === mark) continue;
      memory.write(at, entry | mark);
      this.written(at, 4);
    }
    const isDirty = (memory.read(visited[leafLevel - 1] as number) & PTE.D) !== 0;
    return isDirty ? allowed : allowed & ~ACCESS.WRITE;
  }

  refuse(root: number, guestPhysical: number, { rights, final }: NestedAccess): void {
    const found = { page: 0, rights: 0 };
    const isMapped = this.walk(root, guestPhysical, rights, found);
    let error: number = NPF.USER | (isMapped ? NPF.PRESENT : this.failure);
    if ((rights & ACCESS.WRITE) !== 0) error |= NPF.WRITE;
    if ((rights & ACCESS.EXECUTE) !== 0) error |= NPF.FETCH;
    const which = final ? NPF.HIGH.FINAL : NPF.HIGH.TABLE;
    this.state.setFault(which * 0x1_0000_0000 + error, guestPhysical);
  }
}
