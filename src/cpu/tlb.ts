/**
 * The software TLBs of one processor (layout: TLB in state.ts), which generated code looks up and the page
 * walkers fill (fill: here and, equal to it, generator/walker-entry.ts).
 *
 * A set of TLBs belongs to a translation context. SDM volume 3C, "Caching Translation Information": linear
 * mappings are tagged by VPID and PCID, combined mappings by VPID, PCID and EPT pointer. So a change of
 * CR3 under PCIDs, or of guests under VPIDs, selects another set and drops nothing. Global translations
 * are in every set that used them; that only costs room, since what drops them acts on all sets of a VPID.
 *
 * A flush acts on the slots that the set's logs name. A slot is in each log at most once, so the logs, one
 * entry for every slot, cannot overflow.
 */
import { upperHalf } from './number64.ts';
import type { ReadWatches } from './read-watches.ts';
import type { Registers } from './registers.ts';
import { CPU_BLOCK_SIZE, LAYOUT, SEVERAL, STATE, TLB, TRANSLATION_SIZE } from './state.ts';
import { refreshPrivilege } from './system/mode.ts';
import { WrittenPages } from './written-pages.ts';

const PAGE = 0x1000;
const DATA_BANKS = 3;

/** What the page walker found. */
export interface Translation {
  /** Host-physical address of the 4 KiB page; RAM. */
  readonly page: number;
  readonly global: boolean;
  readonly large: boolean;
}

/** Whose translations a set holds. */
interface Context {
  /** 0: the host's; -1: the set is free. */
  vpid: number;
  /** Host-physical page of the EPT PML4 table; 0 without EPT. */
  ept: number;
  pcid: number;
  /** Order of use, for replacement. */
  used: number;
}

/** The used slots of a set (addresses) with their entries, four words each. */
interface SavedSet {
  readonly slots: Uint32Array;
  readonly entries: Uint32Array;
  readonly globalSlots: Uint32Array;
  readonly globalEntries: Uint32Array;
  readonly largeRegions: Uint32Array;
}

export interface SavedTranslations {
  readonly contexts: readonly Readonly<Context>[];
  readonly current: number;
  readonly uses: number;
  /** By set; undefined: it is free. */
  readonly sets: readonly (SavedSet | undefined)[];
}

export class TranslationBuffers {
  private readonly u32: Uint32Array;
  private readonly regs: Registers;
  private readonly written: WrittenPages;
  private readonly reads: Pick<ReadWatches, 'covers'> | undefined;
  private readonly start: number;
  private readonly contexts: readonly Context[];
  /** Index of the set in use. */
  private current = 0;
  private uses = 0;

  /** @param reads says which pages are marked in the read TLBs */
  constructor(memory: WebAssembly.Memory, regs: Registers, reads?: Pick<ReadWatches, 'covers'>) {
    this.u32 = new Uint32Array(memory.buffer);
    this.reads = reads;
    this.written = new WrittenPages(memory);
    this.regs = regs;
    this.start = translationArea(regs);
    this.contexts = Array.from({ length: TLB.SETS }, () => ({ vpid: -1, ept: 0, pcid: 0, used: 0 }));
    this.select(0, 0, 0);
  }

  /** Uses the set of a context from now on, an empty one when it has none. */
  select(vpid: number, ept: number, pcid: number): void {
    const { contexts } = this;
    let set = contexts.findIndex((c) => c.vpid === vpid && c.pcid === pcid && c.ept === ept);
    if (set < 0) {
      set = this.leastUsed();
      this.clear(set);
      Object.assign(contexts[set], { vpid, ept, pcid });
    }
    contexts[set].used = ++this.uses;
    this.current = set;
    this.regs.u32[STATE.TLB_SET >> 2] = this.address(set);
    refreshPrivilege(this.regs);
  }

  /** Uses the set of another PCID of the same VPID and EPT pointer. */
  selectPcid(pcid: number): void {
    const { vpid, ept, pcid: old } = this.contexts[this.current];
    if (pcid !== old) this.select(vpid, ept, pcid);
  }

  // --- entries ------------------------------------------------------------------------------------

  /**
   * Enters a translation in the bank at `bank` (an address).
   * @param tlb TLB.READ, WRITE or EXECUTE
   * @param low bits beside the page address in the tag
   */
  fill(bank: number, tlb: number, linear: number, payload: number, t: Translation, low = 0): void {
    const { u32 } = this;
    const page = linear - (linear & (PAGE - 1));
    const slot = bank + tlb + slotOf(tlb, page);
    const at = slot >> 2;
    const set = this.address(this.current);
    const unlogged = t.global ? TLB.UNLOGGED_GLOBAL : TLB.UNLOGGED;
    let flags = u32[at + 3] & (TLB.UNLOGGED | TLB.UNLOGGED_GLOBAL);
    if ((flags & unlogged) !== 0) {
      flags &= ~unlogged;
      const count = (set + (t.global ? TLB.GLOBAL_LOGGED : TLB.LOGGED)) >> 2;
      u32[((set + (t.global ? TLB.GLOBAL_LOG : TLB.LOG)) >> 2) + u32[count]++] = slot;
    }
    if (t.global) flags |= TLB.GLOBAL;
    if (t.large) {
      flags |= TLB.LARGE;
      const region = regionBit(page >>> 0, upperHalf(page));
      u32[((set + TLB.LARGE_REGIONS) >> 2) + region.word] |= region.bit;
    }
    u32[at] = page | low;
    u32[at + 1] = upperHalf(page);
    u32[at + 2] = payload;
    u32[at + 3] = (t.page / PAGE) | flags;
    if (tlb !== TLB.WRITE) return;
    this.written.mark(t.page / PAGE);
    if (low === 0) this.noteWriter(t.page / PAGE, slot);
  }

  /** Slot address of the entry with this tag, or 0. @param bank an address */
  find(bank: number, tlb: number, linear: number): number {
    const page = linear - (linear & (PAGE - 1));
    const slot = bank + tlb + slotOf(tlb, page);
    const at = slot >> 2;
    return this.u32[at] === page >>> 0 && this.u32[at + 1] === upperHalf(page) >>> 0 ? slot : 0;
  }

  private noteWriter(page: number, slot: number): void {
    const { u32 } = this;
    const at = (LAYOUT.WRITERS >> 2) + page;
    const known = u32[at];
    if (known === SEVERAL || known === slot) return;
    u32[at] = known !== 0 && this.canWrite(known, page) ? SEVERAL : slot;
  }

  /** Whether the write-TLB slot lets stores through to the page. */
  private canWrite(slot: number, page: number): boolean {
    const at = slot >> 2;
    return (this.u32[at] & (PAGE - 1)) === 0 && (this.u32[at + 3] & TLB.PAGE_MASK) === page;
  }

  /** A page of RAM begins to hold code: stores of every processor have to look at its lines from now on. */
  protect(page: number): void {
    const { u32 } = this;
    const at = (LAYOUT.WRITERS >> 2) + page;
    const known = u32[at];
    if (known === 0) return;
    u32[at] = 0;
    if (known !== SEVERAL) {
      if (this.canWrite(known, page)) u32[known >> 2] |= TLB.CODE_TAG;
      return;
    }
    for (let cpu = 0; cpu < LAYOUT.MAX_CPUS; cpu++) {
      for (let set = 0; set < TLB.SETS; set++) {
        const address = LAYOUT.TRANSLATION + cpu * TRANSLATION_SIZE + set * TLB.SET_SIZE;
        if (u32[(address + TLB.IN_USE) >> 2] !== 0) this.protectIn(address, page);
      }
    }
  }

  private protectIn(set: number, page: number): void {
    for (let bank = 0; bank < DATA_BANKS; bank++) {
      const start = set + bank * TLB.BANK_SIZE + TLB.WRITE;
      for (let slot = start; slot < start + TLB.ENTRIES * TLB.ENTRY_SIZE; slot += TLB.ENTRY_SIZE) {
        if (this.canWrite(slot, page)) this.u32[slot >> 2] |= TLB.CODE_TAG;
      }
    }
  }

  /** Other pages are watched: their read entries, and only theirs, are to be marked. */
  markReads(): void {
    for (const [set, { vpid }] of this.contexts.entries()) {
      if (vpid < 0) continue;
      for (let bank = 0; bank < DATA_BANKS; bank++) {
        const start = (this.address(set) + bank * TLB.BANK_SIZE + TLB.READ) >> 2;
        for (let at = start; at < start + TLB.ENTRIES * ENTRY_WORDS; at += ENTRY_WORDS) {
          if (!this.isInvalid(at)) this.markRead(at);
        }
      }
    }
  }

  private markRead(at: number): void {
    const { u32 } = this;
    const isWatched = this.reads?.covers(u32[at + 3] & TLB.PAGE_MASK) ?? false;
    u32[at] = (u32[at] & ~TLB.WATCH_TAG) | (isWatched ? TLB.WATCH_TAG : 0);
  }

  // --- what drops translations --------------------------------------------------------------------

  /** Everything of all contexts; the context in use is the host's without PCID afterwards. */
  reset(): void {
    for (const context of this.contexts) context.vpid = -1;
    this.clear(this.current);
    this.select(0, 0, 0);
  }

  /** Everything of all contexts; the one in use stays. */
  flushEverything(): void {
    for (const [set, context] of this.contexts.entries()) {
      if (set !== this.current) context.vpid = -1;
    }
    this.clear(this.current);
  }

  /** Everything of a VPID (absent: of the current one), of all its PCIDs and EPT pointers. */
  flushVpid(vpid = this.contexts[this.current].vpid): void {
    this.flushWhere((c) => c.vpid === vpid);
  }

  /** Everything of all VPIDs but 0. */
  flushGuests(): void {
    this.flushWhere((c) => c.vpid !== 0);
  }

  /** What a VPID has without global translations. */
  flushVpidNonglobal(vpid = this.contexts[this.current].vpid): void {
    for (const [set, context] of this.contexts.entries()) if (context.vpid === vpid) this.flushNonglobal(set);
  }

  /** Combined mappings by an EPT PML4 table (a page number), or by any: INVEPT. */
  flushEpt(ept?: number): void {
    this.flushWhere((c) => c.ept !== 0 && (ept === undefined || c.ept === ept));
  }

  /** Nonglobal translations of a PCID of the VPID and EPT pointer in use. */
  flushPcid(pcid: number): void {
    const { vpid, ept } = this.contexts[this.current];
    const set = this.contexts.findIndex((c) => c.vpid === vpid && c.ept === ept && c.pcid === pcid);
    if (set >= 0) this.flushNonglobal(set);
  }

  /** Nonglobal translations of the set in use, or of one by index. */
  flushNonglobal(set = this.current): void {
    const { u32 } = this;
    const base = this.address(set);
    const count = u32[(base + TLB.LOGGED) >> 2];
    const log = (base + TLB.LOG) >> 2;
    for (let i = 0; i < count; i++) {
      const at = u32[log + i] >> 2;
      const flags = u32[at + 3];
      u32[at + 3] = flags | TLB.UNLOGGED;
      if ((flags & TLB.GLOBAL) === 0) this.invalidate(at);
    }
    u32[(base + TLB.LOGGED) >> 2] = 0;
  }

  /** The page at `linear`, by whichever PCID of the VPID: INVLPG, which global translations heed under all PCIDs. */
  invalidatePage(linear: number, vpid = this.contexts[this.current].vpid): void {
    const page = linear - (linear & (PAGE - 1));
    for (const [set, context] of this.contexts.entries()) {
      if (context.vpid === vpid) this.invalidateIn(this.address(set), page >>> 0, upperHalf(page));
    }
  }

  /** The entries for one page in the set in use: what a fault does to the translation that it used. */
  forget(linear: number): void {
    const page = linear - (linear & (PAGE - 1));
    this.dropPage(this.address(this.current), page >>> 0, upperHalf(page) >>> 0);
  }

  /**
   * All record tables are gone. The translations stay: what is decoded decides neither about walks of the
   * page tables nor about what they change.
   */
  forgetTables(): void {
    const { u32 } = this;
    for (const [set, { vpid }] of this.contexts.entries()) {
      if (vpid < 0) continue;
      for (let bank = 0; bank < TLB.BANKS; bank++) {
        const start = (this.address(set) + bank * TLB.BANK_SIZE + TLB.EXECUTE) >> 2;
        for (let at = start; at < start + TLB.EXECUTE_ENTRIES * ENTRY_WORDS; at += ENTRY_WORDS)
          u32[at] |= TLB.NO_TABLE_TAG;
      }
    }
  }

  private flushWhere(drops: (context: Context) => boolean): void {
    for (const [set, context] of this.contexts.entries()) {
      if (context.vpid < 0 || !drops(context)) continue;
      if (set === this.current) this.clear(set);
      else context.vpid = -1;
    }
  }

  private invalidateIn(set: number, lo: number, hi: number): void {
    this.dropPage(set, lo, hi >>> 0);
    const region = regionBit(lo, hi);
    if ((this.u32[((set + TLB.LARGE_REGIONS) >> 2) + region.word] & region.bit) === 0) return;
    this.dropPieces(set + TLB.LOG, this.u32[(set + TLB.LOGGED) >> 2], lo, hi >>> 0);
    this.dropPieces(set + TLB.GLOBAL_LOG, this.u32[(set + TLB.GLOBAL_LOGGED) >> 2], lo, hi >>> 0);
  }

  private dropPage(set: number, lo: number, hi: number): void {
    const { u32 } = this;
    for (let bank = 0; bank < TLB.BANKS; bank++) {
      for (const tlb of TLBS) {
        const at = (set + bank * TLB.BANK_SIZE + tlb + slotOf(tlb, lo)) >> 2;
        if ((u32[at] & ~(PAGE - 1)) >>> 0 === lo && u32[at + 1] === hi) this.invalidate(at);
      }
    }
  }

  /** A larger page was entered 4 KiB at a time: any of its pieces goes with it (1 GiB regions, to be safe). */
  private dropPieces(log: number, count: number, lo: number, hi: number): void {
    const { u32 } = this;
    for (let i = 0; i < count; i++) {
      const at = u32[(log >> 2) + i] >> 2;
      const isPiece = (u32[at + 3] & TLB.LARGE) !== 0 && u32[at + 1] === hi && (u32[at] ^ lo) >>> 30 === 0;
      if (isPiece) this.invalidate(at);
    }
  }

  // --- snapshots ----------------------------------------------------------------------------------

  /** What is in the sets, without what depends on which code is decoded. */
  save(): SavedTranslations {
    const { contexts, current, uses } = this;
    return {
      contexts: contexts.map((context) => ({ ...context })),
      current,
      uses,
      sets: contexts.map(({ vpid }, set) => (vpid < 0 ? undefined : this.saveSet(this.address(set)))),
    };
  }

  /** After RAM and what is decoded are as they are to be, and `clearWriters` was called. */
  restore(saved: SavedTranslations): void {
    this.current = saved.current;
    this.uses = saved.uses;
    for (const [set, context] of this.contexts.entries()) {
      Object.assign(context, saved.contexts[set]);
      const content = saved.sets[set];
      if (content === undefined) continue;
      this.clear(set);
      this.restoreSet(this.address(set), content);
    }
  }

  /** Marks the pages that can be written without another fill. */
  markWritable(): void {
    const { u32 } = this;
    for (const [set, { vpid }] of this.contexts.entries()) {
      if (vpid < 0) continue;
      const base = this.address(set);
      for (const [log, counter] of LOGS) {
        const first = (base + log) >> 2;
        const count = u32[(base + counter) >> 2];
        for (let i = first; i < first + count; i++) {
          const at = u32[i] >> 2;
          if (tlbOf(u32[i] - base) === TLB.WRITE && !this.isInvalid(at))
            this.written.mark(u32[at + 3] & TLB.PAGE_MASK);
        }
      }
    }
  }

  private saveSet(base: number): SavedSet {
    const { u32 } = this;
    const [slots, globalSlots] = LOGS.map(([log, counter]) => {
      const first = (base + log) >> 2;
      return u32.slice(first, first + u32[(base + counter) >> 2]);
    });
    const large = (base + TLB.LARGE_REGIONS) >> 2;
    const entries = (of: Uint32Array): Uint32Array => {
      const words = new Uint32Array(of.length * ENTRY_WORDS);
      for (let i = 0; i < of.length; i++) this.saveEntry(base, of[i], words, i * ENTRY_WORDS);
      return words;
    };
    return {
      slots,
      entries: entries(slots),
      globalSlots,
      globalEntries: entries(globalSlots),
      largeRegions: u32.slice(large, large + 2),
    };
  }

  private saveEntry(base: number, slot: number, to: Uint32Array, index: number): void {
    const { u32 } = this;
    const at = slot >> 2;
    const tlb = tlbOf(slot - base);
    const valid = !this.isInvalid(at);
    let tag = u32[at];
    let payload = u32[at + 2];
    if (valid && tlb === TLB.WRITE) tag &= ~TLB.CODE_TAG;
    if (valid && tlb === TLB.READ) tag &= ~TLB.WATCH_TAG;
    if (valid && tlb === TLB.EXECUTE) {
      tag |= TLB.NO_TABLE_TAG;
      payload = 0;
    }
    to[index] = tag;
    to[index + 1] = u32[at + 1];
    to[index + 2] = valid ? payload : 0;
    to[index + 3] = u32[at + 3];
  }

  private restoreSet(base: number, saved: SavedSet): void {
    const { u32 } = this;
    const parts = [
      { slots: saved.slots, entries: saved.entries },
      { slots: saved.globalSlots, entries: saved.globalEntries },
    ];
    for (const [n, { slots, entries }] of parts.entries()) {
      const [log, counter] = LOGS[n];
      u32.set(slots, (base + log) >> 2);
      u32[(base + counter) >> 2] = slots.length;
      for (let i = 0; i < slots.length; i++) {
        const at = slots[i] >> 2;
        for (let word = 0; word < ENTRY_WORDS; word++) u32[at + word] = entries[i * ENTRY_WORDS + word];
        if (this.isInvalid(at)) continue;
        const tlb = tlbOf(slots[i] - base);
        if (tlb === TLB.WRITE) this.settleWriter(slots[i]);
        else if (tlb === TLB.READ) this.markRead(at);
      }
    }
    u32.set(saved.largeRegions, (base + TLB.LARGE_REGIONS) >> 2);
  }

  /** A write entry that has just come back: marks it when its page holds code now. */
  private settleWriter(slot: number): void {
    const { u32 } = this;
    const page = u32[(slot >> 2) + 3] & TLB.PAGE_MASK;
    const lines = (LAYOUT.LINES >> 2) + 2 * page;
    if ((u32[lines] | u32[lines + 1]) !== 0) u32[slot >> 2] |= TLB.CODE_TAG;
    else this.noteWriter(page, slot);
  }

  private isInvalid(at: number): boolean {
    return this.u32[at] === 0xffff_ffff && this.u32[at + 1] === 0xffff_ffff;
  }

  private invalidate(at: number): void {
    this.u32[at] = 0xffff_ffff;
    this.u32[at + 1] = 0xffff_ffff;
  }

  /** Makes a set as good as new. */
  private clear(set: number): void {
    const { u32 } = this;
    const base = this.address(set);
    const header = base >> 2;
    if (u32[header + (TLB.IN_USE >> 2)] === 0) {
      u32.fill(0xffff_ffff, header, (base + TLB.BANKS * TLB.BANK_SIZE) >> 2);
      u32[header + (TLB.IN_USE >> 2)] = 1;
      return;
    }
    for (const [log, counter] of LOGS) {
      const start = (base + log) >> 2;
      const count = u32[header + (counter >> 2)];
      for (let i = 0; i < count; i++) {
        const at = u32[start + i] >> 2;
        this.invalidate(at);
        u32[at + 3] = 0xffff_ffff;
      }
      u32[header + (counter >> 2)] = 0;
    }
    u32[header + (TLB.LARGE_REGIONS >> 2)] = 0;
    u32[header + (TLB.LARGE_REGIONS >> 2) + 1] = 0;
  }

  private leastUsed(): number {
    let best = 0;
    for (const [set, { vpid, used }] of this.contexts.entries()) {
      if (vpid < 0) return set;
      if (used < this.contexts[best].used) best = set;
    }
    return best;
  }

  private address(set: number): number {
    return this.start + set * TLB.SET_SIZE;
  }
}

const ENTRY_WORDS = TLB.ENTRY_SIZE / 4;
const TLBS = [TLB.READ, TLB.WRITE, TLB.EXECUTE] as const;

/** Whether an offset in a set is in a read, write or execute TLB. */
const tlbOf = (offset: number): number => Math.min((offset % TLB.BANK_SIZE) & ~(TLB.WRITE - 1), TLB.EXECUTE);

/** Offset in the TLB of the entry for a page; the lower half of its address will do. */
const slotOf = (tlb: number, page: number): number =>
  (page >>> 8) & (((tlb === TLB.EXECUTE ? TLB.EXECUTE_ENTRIES : TLB.ENTRIES) - 1) * TLB.ENTRY_SIZE);

/** Before the translations of a computer's processors are restored: no write-TLB slot is known. */
export function clearWriters(memory: WebAssembly.Memory, ramBytes: number): void {
  new Uint32Array(memory.buffer, LAYOUT.WRITERS, ramBytes / PAGE).fill(0);
}

const LOGS = [
  [TLB.LOG, TLB.LOGGED],
  [TLB.GLOBAL_LOG, TLB.GLOBAL_LOGGED],
] as const;

/** Address of the translation area of the processor whose registers these are. */
export const translationArea = (regs: Registers): number =>
  LAYOUT.TRANSLATION + ((regs.base - LAYOUT.CPUS) / CPU_BLOCK_SIZE) * TRANSLATION_SIZE;

/** Where TLB.LARGE_REGIONS keeps the 1-GiB region of an address: see there. */
function regionBit(lo: number, hi: number): { word: number; bit: number } {
  const upper = hi ^ (hi >>> 7);
  return { word: (upper >>> 3) & 1, bit: 1 << ((lo >>> 30) | ((upper & 7) << 2)) };
}
