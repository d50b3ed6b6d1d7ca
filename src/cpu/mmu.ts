/**
 * The memory side of one processor: fills and flushes the software TLBs, carries out the accesses
 * that the generated code cannot do inline (TLB misses, page-crossing, memory-mapped I/O, pages that
 * hold decoded code), and gives system operations memory by linear address.
 */
import { CR0, SEG, VECTOR } from '../arch/registers.ts';
import type { AccessSize, BusTarget } from '../contracts/device.ts';
import type { CodeCache } from './code-cache.ts';
import type { MicroAccess, Piece, Recorder } from './micro-operations.ts';
import { isCanonical, signedNumber, upperHalf } from './number64.ts';
import { ACCESS, PageWalker } from './paging.ts';
import type { ReadWatches } from './read-watches.ts';
import type { Registers } from './registers.ts';
import { BANK, LAYOUT, STATE, TLB } from './state.ts';
import { INVPCID_TYPE, type LinearMemory } from './system/context.ts';
import { hasDataBreakpoints, watchesData } from './system/debug.ts';
import { currentPcid } from './system/mode.ts';
import { TranslationBuffers } from './tlb.ts';
import type { WrittenPages } from './written-pages.ts';

const PAGE = 0x1000;
/** Bits of a linear address, shifted right by 8, that are the offset of its entry in a TLB. */
const SLOTS = (TLB.ENTRIES - 1) * TLB.ENTRY_SIZE;

/** Where the bytes of an access are: one piece, or two when it crosses a page. */
export interface Place {
  bytes: number;
  firstBytes: number;
  /** Host-physical addresses. */
  first: number;
  second: number;
}

export interface MmuOptions {
  readonly memory: WebAssembly.Memory;
  readonly regs: Registers;
  readonly ramBytes: number;
  readonly code: CodeCache;
  readonly written: WrittenPages;
  readonly reads: ReadWatches;
  /** Everything that is not RAM, by host-physical address (offset 0 is address 0). */
  readonly bus: BusTarget;
  /** Called after a translation was dropped or code changed: leave the generated code at the next boundary. */
  readonly resync: () => void;
}

export class Mmu implements LinearMemory {
  lo = 0;
  hi = 0;
  readonly walker: PageWalker;
  readonly tlb: TranslationBuffers;
  private readonly o: MmuOptions;
  private readonly u8: Uint8Array;
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly view: DataView;
  private readonly block: number;
  private readonly scratch: number;
  /** Of the slow write that is being put together in SCRATCH. */
  private readonly pending: Place = { bytes: 0, firstBytes: 0, first: 0, second: 0 };
  /** Of the last slow read of generated code, and of the last slow access of a system operation. */
  private readonly lastPlace: Place = { bytes: 0, firstBytes: 0, first: 0, second: 0 };
  private recorder_: Recorder | undefined;

  constructor(options: MmuOptions) {
    this.o = options;
    const { buffer } = options.memory;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.block = options.regs.base;
    this.scratch = this.block + STATE.SCRATCH;
    this.view = new DataView(buffer);
    this.tlb = new TranslationBuffers(options.memory, options.regs, options.reads);
    options.reads.listen(() => {
      this.tlb.markReads();
      options.resync();
    });
    options.regs.u32[STATE.RAM_BYTES >> 2] = options.ramBytes;
    this.walker = new PageWalker(options.memory, options.regs, options.ramBytes, {
      written: (address, bytes) => options.code.written(address, bytes),
      refused: (linear) => this.tlb.forget(linear),
    });
    options.code.listen({
      protect: (page) => this.tlb.protect(page),
      dropped: () => options.resync(),
      flushed: () => {
        this.tlb.forgetTables();
        options.resync();
      },
    });
  }

  /** Hears of what is done for system operations and of all walks; generated code has RecordedAccesses. */
  set recorder(recorder: Recorder | undefined) {
    this.recorder_ = recorder;
    this.walker.recorder = recorder;
  }

  get recorder(): Recorder | undefined {
    return this.recorder_;
  }

  // --- slow paths of the generated code -----------------------------------------------------------

  /** `segment`: SEG number of the access. @returns the host address of the data, 0 after a fault */
  readMiss(segment: number, lo: number, hi: number, bytes: number): number {
    const linear = this.dataAddress(segment, lo, hi, bytes);
    if (Number.isNaN(linear)) return 0;
    const inPage = linear & (PAGE - 1);
    const known = this.markedPage(TLB.READ, linear, bytes, false);
    if (known < 0 && !this.walker.walk(linear, ACCESS.READ, false)) return 0;
    const watched = this.watches(linear, bytes, false);
    const page = known < 0 ? this.walker.page : known;
    if (known >= 0) this.recordHit('read', linear, known + inPage);
    setPlace(this.lastPlace, page + inPage, bytes);
    if (inPage + bytes <= PAGE) {
      if (page < this.o.ramBytes) {
        if (!watched && known < 0) this.fillData(TLB.READ, linear);
        this.o.reads.tell(page + inPage, bytes);
        return LAYOUT.RAM + page + inPage;
      }
      this.copyIn(this.scratch, page + inPage, bytes);
      return this.scratch;
    }
    const firstBytes = PAGE - inPage;
    if (!this.walker.walk(this.nextPage(linear), ACCESS.READ, false)) return 0;
    this.lastPlace.second = this.walker.page;
    this.readPieces(page + inPage, firstBytes, this.walker.page, bytes);
    return this.scratch;
  }

  /** Reads the data of an instruction into SCRATCH: `firstBytes` from one page, the others of `bytes` from the next. */
  private readPieces(first: number, firstBytes: number, second: number, bytes: number): void {
    this.o.reads.tell(first, firstBytes);
    this.copyIn(this.scratch, first, firstBytes);
    if (firstBytes === bytes) return;
    this.o.reads.tell(second, bytes - firstBytes);
    this.copyIn(this.scratch + firstBytes, second, bytes - firstBytes);
  }

  /** @returns the host address to write to (SCRATCH: call `commitSlow` afterwards), 0 after a fault */
  writeMiss(segment: number, lo: number, hi: number, bytes: number, modify: number): number {
    const linear = this.dataAddress(segment, lo, hi, bytes);
    if (Number.isNaN(linear)) return 0;
    const inPage = linear & (PAGE - 1);
    const { pending } = this;
    const known = this.markedPage(TLB.WRITE, linear, bytes, false);
    if (known < 0 && !this.walker.walk(linear, ACCESS.WRITE, false)) return 0;
    const page = known < 0 ? this.walker.page : known;
    const watched = this.watches(linear, bytes, true);
    if (known >= 0) this.recordHit('write', linear, known + inPage);
    setPlace(pending, page + inPage, bytes);
    if (inPage + bytes <= PAGE) {
      if (page < this.o.ramBytes) {
        if (!watched && known < 0) this.fillData(TLB.WRITE, linear);
        if (!this.o.code.holdsCode(page + inPage, bytes)) {
          this.o.written.mark(page / PAGE);
          return LAYOUT.RAM + page + inPage;
        }
      }
    } else {
      if (!this.walker.walk(this.nextPage(linear), ACCESS.WRITE, false)) return 0;
      pending.second = this.walker.page;
    }
    if (modify !== 0) this.readPieces(pending.first, pending.firstBytes, pending.second, bytes);
    return this.scratch;
  }

  commitSlow(): void {
    const { pending } = this;
    this.copyOut(this.scratch, pending.first, pending.firstBytes);
    this.copyOut(this.scratch + pending.firstBytes, pending.second, pending.bytes - pending.firstBytes);
  }

  /** Notes data breakpoints, which are due after the instruction. @returns true when the page has some */
  private watches(linear: number, bytes: number, write: boolean): boolean {
    const { regs } = this.o;
    const watched = watchesData(regs, linear, bytes, write);
    if (watched && regs.i32[STATE.PENDING_DEBUG >> 2] !== 0) this.o.resync();
    return watched;
  }

  /** Linear address as a number; NaN after #GP(0), #SS(0) or #AC(0) for one that is refused before translation. */
  private dataAddress(segment: number, lo: number, hi: number, bytes: number): number {
    const linear = signedNumber(lo, hi);
    if (!isCanonical(linear) || !isCanonical(linear + bytes - 1)) {
      this.o.regs.setFault(segment === SEG.SS ? VECTOR.SS : VECTOR.GP, 0);
      return Number.NaN;
    }
    if (this.checksAlignment && (linear & alignmentMask(bytes)) !== 0) {
      this.o.regs.setFault(VECTOR.AC, 0);
      return Number.NaN;
    }
    return linear;
  }

  private get checksAlignment(): boolean {
    const set = this.u32[(this.block + STATE.TLB_SET) >> 2];
    return this.bank === set + BANK.USER_ALIGNED * TLB.BANK_SIZE;
  }

  /** First address of the page after `linear`; wraps at 4 GiB outside 64-bit mode. */
  private nextPage(linear: number): number {
    const next = linear - (linear & (PAGE - 1)) + PAGE;
    return linear >= 0 && next === 0x1_0000_0000 && this.o.regs.lo(STATE.ADDRESS_MASK + 4) === 0 ? 0 : next;
  }

  // --- recording ----------------------------------------------------------------------------------

  /** Host address of data in one page that the TLB in use has, as generated code finds it in line; 0: it does not. */
  cachedHost(tlb: number, linear: number, bytes: number): number {
    return this.cached(tlb, linear, bytes, false);
  }

  /** Of the last slow read of generated code. */
  get source(): Readonly<Place> {
    return this.lastPlace;
  }

  /** Of its last slow write. */
  get target(): Readonly<Place> {
    return this.pending;
  }

  /** Tells the recorder that no walk is made. What is cached without paging is nothing but speed. */
  recordHit(access: MicroAccess, linear: number, hostPhysical: number): void {
    const { regs } = this.o;
    const translates = (regs.cr0 & CR0.PG) !== 0 || this.walker.guestPhysical?.active;
    const found = translates ? 'hit' : 'off';
    this.recorder_?.({ kind: 'look-up', access, linear, found, hostPhysical });
  }

  /** An access of a system operation. @param host its host address when the TLB had it, else 0 */
  private recordAccess(
    access: 'read' | 'write',
    linear: number,
    bytes: number,
    host: number,
    lo: number,
    hi: number,
  ): void {
    const hostPhysical = host - LAYOUT.RAM;
    if (host !== 0) this.recordHit(access, linear, hostPhysical);
    const pieces = host !== 0 ? [{ hostPhysical, bytes }] : piecesOf(this.lastPlace);
    const value = new Uint8Array(Uint32Array.of(lo, hi).buffer, 0, bytes);
    this.recorder_?.({ kind: 'transfer', access, linear, pieces, value });
  }

  // --- LinearMemory -------------------------------------------------------------------------------

  read(linear: number, bytes: 1 | 2 | 4 | 8, supervisor: boolean): boolean {
    const host = this.cached(TLB.READ, linear, bytes, supervisor);
    if (host !== 0) this.take(host, bytes);
    else if (!this.readSlowly(linear, bytes, supervisor)) return false;
    if (this.recorder_) this.recordAccess('read', linear, bytes, host, this.lo, this.hi);
    return true;
  }

  private readSlowly(linear: number, bytes: 1 | 2 | 4 | 8, supervisor: boolean): boolean {
    const inPage = linear & (PAGE - 1);
    const known = this.markedPage(TLB.READ, linear, bytes, supervisor);
    if (known < 0 && !this.walker.walk(linear, ACCESS.READ, supervisor)) return false;
    const at = this.scratch + 32;
    const first = (known < 0 ? this.walker.page : known) + inPage;
    if (known >= 0) this.recordHit('read', linear, first);
    setPlace(this.lastPlace, first, bytes);
    if (inPage + bytes <= PAGE) {
      if (known < 0) this.remember(TLB.READ, linear, supervisor);
      this.o.reads.tell(first, bytes);
      this.copyIn(at, first, bytes);
    } else {
      if (!this.walker.walk(this.nextPage(linear), ACCESS.READ, supervisor)) return false;
      const firstBytes = PAGE - inPage;
      this.lastPlace.second = this.walker.page;
      this.o.reads.tell(first, firstBytes);
      this.o.reads.tell(this.walker.page, bytes - firstBytes);
      this.copyIn(at, first, firstBytes);
      this.copyIn(at + firstBytes, this.walker.page, bytes - firstBytes);
    }
    this.take(at, bytes);
    return true;
  }

  write(linear: number, bytes: 1 | 2 | 4 | 8, lo: number, hi: number, supervisor: boolean): boolean {
    const host = this.cached(TLB.WRITE, linear, bytes, supervisor);
    if (host !== 0) this.put(host, bytes, lo, hi);
    else if (!this.writeSlowly(linear, bytes, lo, hi, supervisor)) return false;
    if (this.recorder_) this.recordAccess('write', linear, bytes, host, lo, hi);
    return true;
  }

  private writeSlowly(
    linear: number,
    bytes: 1 | 2 | 4 | 8,
    lo: number,
    hi: number,
    supervisor: boolean,
  ): boolean {
    const inPage = linear & (PAGE - 1);
    const known = this.markedPage(TLB.WRITE, linear, bytes, supervisor);
    if (known < 0 && !this.walker.walk(linear, ACCESS.WRITE, supervisor)) return false;
    const first = (known < 0 ? this.walker.page : known) + inPage;
    if (known >= 0) this.recordHit('write', linear, first);
    setPlace(this.lastPlace, first, bytes);
    let second = 0;
    if (inPage + bytes > PAGE) {
      if (!this.walker.walk(this.nextPage(linear), ACCESS.WRITE, supervisor)) return false;
      second = this.walker.page;
      this.lastPlace.second = second;
    } else if (known < 0) {
      this.remember(TLB.WRITE, linear, supervisor);
    }
    const at = this.scratch + 32;
    this.put(at, 8, lo, hi);
    const firstBytes = Math.min(bytes, PAGE - inPage);
    this.copyOut(at, first, firstBytes);
    this.copyOut(at + firstBytes, second, bytes - firstBytes);
    return true;
  }

  /** Host address of bytes in one page that the TLB has, as `walk` would translate them; 0: not there. */
  private cached(tlb: number, linear: number, bytes: number, supervisor: boolean): number {
    const { i32 } = this;
    const field = supervisor ? STATE.TLB_SET : STATE.TLB_BANK;
    const at = (i32[(this.block + field) >> 2] + tlb + ((linear >>> 8) & SLOTS)) >> 2;
    const present = i32[at] === (linear & -PAGE) && i32[at + 1] === upperHalf(linear);
    const crosses = (linear & (PAGE - 1)) + bytes > PAGE;
    return present && !crosses ? (i32[at + TLB.PAYLOAD / 4] + linear) >>> 0 : 0;
  }

  /**
   * Host-physical page of bytes in one page that a TLB has with a mark, in the write TLB of decoded code, in the
   * read TLB of watched bytes; -1: not there. So a page is walked for as often as if it had no mark.
   */
  private markedPage(tlb: number, linear: number, bytes: number, supervisor: boolean): number {
    const { i32 } = this;
    if ((linear & (PAGE - 1)) + bytes > PAGE) return -1;
    const at = (this.bankFor(supervisor) + tlb + ((linear >>> 8) & SLOTS)) >> 2;
    const mark = tlb === TLB.WRITE ? TLB.CODE_TAG : TLB.WATCH_TAG;
    const present = i32[at] === ((linear & -PAGE) | mark) && i32[at + 1] === upperHalf(linear);
    return present ? (i32[at + TLB.PHYSICAL_PAGE / 4] & TLB.PAGE_MASK) * PAGE : -1;
  }

  /** Enters what the walker has just found for `read` or `write`. */
  private remember(tlb: number, linear: number, supervisor: boolean): void {
    if (this.walker.page >= this.o.ramBytes || hasDataBreakpoints(this.o.regs)) return;
    this.fillData(tlb, linear, this.bankFor(supervisor));
  }

  /** An implicit supervisor access has the rights of an explicit one with EFLAGS.AC = 0. */
  private bankFor(supervisor: boolean): number {
    return supervisor ? this.u32[(this.block + STATE.TLB_SET) >> 2] : this.bank;
  }

  private take(host: number, bytes: 1 | 2 | 4 | 8): void {
    const { view } = this;
    if (bytes >= 4) this.lo = view.getUint32(host, true);
    else this.lo = bytes === 1 ? this.u8[host] : view.getUint16(host, true);
    this.hi = bytes === 8 ? view.getUint32(host + 4, true) : 0;
  }

  private put(host: number, bytes: 1 | 2 | 4 | 8, lo: number, hi: number): void {
    const { view } = this;
    if (bytes === 1) this.u8[host] = lo;
    else if (bytes === 2) view.setUint16(host, lo, true);
    else view.setUint32(host, lo, true);
    if (bytes === 8) view.setUint32(host + 4, hi, true);
  }

  probeWrite(linear: number, bytes: number, supervisor: boolean): boolean {
    if (!this.walker.walk(linear, ACCESS.WRITE, supervisor)) return false;
    return (
      (linear & (PAGE - 1)) + bytes <= PAGE ||
      this.walker.walk(this.nextPage(linear), ACCESS.WRITE, supervisor)
    );
  }

  readPhysical(address: number): boolean {
    let host = address;
    const { guestPhysical } = this.walker;
    if (guestPhysical?.active) {
      const rights = guestPhysical.tableRights;
      const page = guestPhysical.translate(address, rights);
      if (page < 0) {
        guestPhysical.refuse(address, { rights, linear: undefined, final: false });
        return false;
      }
      host = page + (address & (PAGE - 1));
    }
    if (host + 8 <= this.o.ramBytes) {
      this.take(LAYOUT.RAM + host, 8);
    } else {
      this.copyIn(this.scratch + 32, host, 8);
      this.take(this.scratch + 32, 8);
    }
    this.recorder_?.({ kind: 'physical-read', hostPhysical: host, lo: this.lo, hi: this.hi });
    return true;
  }

  // --- translation look-aside buffers -------------------------------------------------------------

  /** Enters the page of `linear` as executable, with its record table. */
  fillExecute(linear: number, mode: number, table: number): void {
    this.tlb.fill(this.bank, TLB.EXECUTE, linear, table, this.walker, mode);
  }

  /** Enters the page that the walker has just found for data, unless each access has to be looked at. */
  private fillData(tlb: number, linear: number, bank = this.bank): void {
    // Without data entries every access comes by the slow path, where alignment is checked.
    if (bank === this.bank && this.checksAlignment) return;
    const { page } = this.walker;
    const payload = LAYOUT.RAM + page - (linear - (linear & (PAGE - 1)));
    this.tlb.fill(bank, tlb, linear, payload, this.walker, this.markOf(tlb, page));
  }

  /** What marks the entry of a page in a TLB for data. */
  private markOf(tlb: number, page: number): number {
    if (tlb === TLB.WRITE) return this.o.code.holdsCode(page, PAGE) ? TLB.CODE_TAG : 0;
    return this.o.reads.covers(page / PAGE) ? TLB.WATCH_TAG : 0;
  }

  private get bank(): number {
    return this.u32[(this.block + STATE.TLB_BANK) >> 2];
  }

  /** RESET and INIT: no translation is left, and the context is that of the host without PCIDs. */
  reset(): void {
    this.tlb.reset();
    this.o.resync();
  }

  flush(kind: 'all' | 'nonglobal' | 'everything'): void {
    if (kind === 'all') this.tlb.flushVpid();
    else if (kind === 'nonglobal') this.tlb.flushNonglobal();
    else this.tlb.flushEverything();
    this.o.resync();
  }

  loadAddressSpace(keep: boolean): void {
    this.tlb.selectPcid(currentPcid(this.o.regs));
    if (!keep) this.tlb.flushNonglobal();
  }

  invalidatePage(linear: number): void {
    this.tlb.invalidatePage(linear);
  }

  invalidatePcid(type: number, pcid: number, linear: number): void {
    // The page goes under every PCID: dropping more than asked for is allowed.
    if (type === INVPCID_TYPE.ADDRESS) this.tlb.invalidatePage(linear);
    else if (type === INVPCID_TYPE.SINGLE) this.tlb.flushPcid(pcid);
    else if (type === INVPCID_TYPE.ALL) this.tlb.flushVpid();
    else this.tlb.flushVpidNonglobal();
  }

  // --- host-physical memory -----------------------------------------------------------------------

  /** Copies from host-physical memory or the bus to linear memory at `to`. */
  private copyIn(to: number, address: number, bytes: number): void {
    if (address + bytes <= this.o.ramBytes) {
      this.u8.copyWithin(to, LAYOUT.RAM + address, LAYOUT.RAM + address + bytes);
      return;
    }
    for (let done = 0; done < bytes; ) {
      const size = pieceSize(address + done, bytes - done);
      const value = this.o.bus.read(address + done, size);
      for (let i = 0; i < size; i++) this.u8[to + done + i] = value >>> (8 * i);
      done += size;
    }
  }

  private copyOut(from: number, address: number, bytes: number): void {
    if (bytes === 0) return;
    if (address + bytes <= this.o.ramBytes) {
      this.u8.copyWithin(LAYOUT.RAM + address, from, from + bytes);
      this.o.code.written(address, bytes);
      return;
    }
    for (let done = 0; done < bytes; ) {
      const size = pieceSize(address + done, bytes - done);
      let value = 0;
      for (let i = 0; i < size; i++) value |= this.u8[from + done + i] << (8 * i);
      this.o.bus.write(address + done, size, value >>> 0);
      done += size;
    }
  }
}

function setPlace(place: Place, first: number, bytes: number): void {
  place.bytes = bytes;
  place.first = first;
  place.firstBytes = Math.min(bytes, PAGE - (first & (PAGE - 1)));
}

/** Host-physical pieces of an access that may cross a page. */
export function piecesOf({ bytes, firstBytes, first, second }: Readonly<Place>): Piece[] {
  const pieces = [{ hostPhysical: first, bytes: firstBytes }];
  if (firstBytes < bytes) pieces.push({ hostPhysical: second, bytes: bytes - firstBytes });
  return pieces;
}

/** Address bits that have to be 0 under alignment checking. SDM volume 3A, "Alignment Check Exception (#AC)". */
const alignmentMask = (bytes: number): number => ALIGNMENT_MASKS.get(bytes) ?? 0;
const ALIGNMENT_MASKS: ReadonlyMap<number, number> = new Map([
  [2, 1],
  [4, 3],
  [8, 7],
  // Double extended precision.
  [10, 7],
]);

/** The largest aligned bus access that fits. */
function pieceSize(address: number, left: number): AccessSize {
  if (left >= 4 && address % 4 === 0) return 4;
  return left >= 2 && address % 2 === 0 ? 2 : 1;
}
