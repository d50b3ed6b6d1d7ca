/**
 * The memory side of one processor: fills and flushes the software TLBs, carries out the accesses
 * that the generated code cannot do inline (TLB misses, page-crossing, memory-mapped I/O, pages that
 * hold decoded code), and gives system operations memory by linear address.
 */
import { SEG, VECTOR } from '../arch/registers.ts';
import type { AccessSize, BusTarget } from '../contracts/device.ts';
import type { CodeCache } from './code-cache.ts';
import { isCanonical, signedNumber, upperHalf } from './number64.ts';
import { ACCESS, PageWalker } from './paging.ts';
import type { Registers } from './registers.ts';
import { LAYOUT, STATE, TLB } from './state.ts';
import type { LinearMemory } from './system/context.ts';
import { watchesData } from './system/debug.ts';
import { BANK } from './system/mode.ts';

const PAGE = 0x1000;
const LARGE = 0x80000000;
/** Fills that are remembered one by one; beyond, a flush clears the whole TLB. */
const LOG_SIZE = 4096;

/** A slow write that is being put together in SCRATCH: one piece, or two when it crosses a page. */
interface PendingWrite {
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
  /** Everything that is not RAM, by host-physical address (offset 0 is address 0). */
  readonly bus: BusTarget;
  /** Called after a translation was dropped or code changed: leave the generated code at the next boundary. */
  readonly resync: () => void;
}

export class Mmu implements LinearMemory {
  lo = 0;
  hi = 0;
  readonly walker: PageWalker;
  private readonly o: MmuOptions;
  private readonly u8: Uint8Array;
  private readonly u16: Uint16Array;
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly block: number;
  private readonly scratch: number;
  private readonly pending: PendingWrite = { bytes: 0, firstBytes: 0, first: 0, second: 0 };
  /** TLB entries filled since the last flush, global ones apart. */
  private readonly log = new Int32Array(LOG_SIZE);
  private readonly globalLog = new Int32Array(LOG_SIZE);
  /** By host-physical page: 1 when it has been entered in a write TLB since the last `clear`. */
  private readonly writable: Uint8Array;
  private logged = 0;
  private globalLogged = 0;

  constructor(options: MmuOptions) {
    this.o = options;
    const { buffer } = options.memory;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.block = options.regs.base;
    this.scratch = this.block + STATE.SCRATCH;
    this.walker = new PageWalker(options.memory, options.regs, options.ramBytes, (address, bytes) =>
      options.code.written(address, bytes),
    );
    this.writable = new Uint8Array(options.ramBytes / PAGE);
    options.code.listen({
      protect: (page) => this.dropWritable(page),
      dropped: () => options.resync(),
      flushed: () => this.flush('all'),
    });
    this.clear();
  }

  // --- slow paths of the generated code -----------------------------------------------------------

  /** `segment`: SEG number of the access. @returns the host address of the data, 0 after a fault */
  readMiss(segment: number, lo: number, hi: number, bytes: number): number {
    const linear = this.dataAddress(segment, lo, hi, bytes);
    if (Number.isNaN(linear)) return 0;
    const inPage = linear & (PAGE - 1);
    if (!this.walker.walk(linear, ACCESS.READ, false)) return 0;
    const watched = this.watches(linear, bytes, false);
    const { page } = this.walker;
    if (inPage + bytes <= PAGE) {
      if (page < this.o.ramBytes) {
        if (!watched) this.fill(TLB.READ, linear, LAYOUT.RAM + page - (linear - inPage));
        return LAYOUT.RAM + page + inPage;
      }
      this.copyIn(this.scratch, page + inPage, bytes);
      return this.scratch;
    }
    const firstBytes = PAGE - inPage;
    if (!this.walker.walk(this.nextPage(linear), ACCESS.READ, false)) return 0;
    this.copyIn(this.scratch, page + inPage, firstBytes);
    this.copyIn(this.scratch + firstBytes, this.walker.page, bytes - firstBytes);
    return this.scratch;
  }

  /** @returns the host address to write to (SCRATCH: call `commitSlow` afterwards), 0 after a fault */
  writeMiss(segment: number, lo: number, hi: number, bytes: number, modify: number): number {
    const linear = this.dataAddress(segment, lo, hi, bytes);
    if (Number.isNaN(linear)) return 0;
    const inPage = linear & (PAGE - 1);
    if (!this.walker.walk(linear, ACCESS.WRITE, false)) return 0;
    const watched = this.watches(linear, bytes, true);
    const { page } = this.walker;
    const { pending } = this;
    pending.bytes = bytes;
    pending.first = page + inPage;
    pending.firstBytes = bytes;
    if (inPage + bytes <= PAGE) {
      if (page < this.o.ramBytes && !this.o.code.holdsCode(page / PAGE)) {
        if (!watched) this.fill(TLB.WRITE, linear, LAYOUT.RAM + page - (linear - inPage));
        return LAYOUT.RAM + page + inPage;
      }
    } else {
      pending.firstBytes = PAGE - inPage;
      if (!this.walker.walk(this.nextPage(linear), ACCESS.WRITE, false)) return 0;
      pending.second = this.walker.page;
    }
    if (modify !== 0) {
      this.copyIn(this.scratch, pending.first, pending.firstBytes);
      this.copyIn(this.scratch + pending.firstBytes, pending.second, bytes - pending.firstBytes);
    }
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
    const bank = this.u32[(this.block + STATE.TLB_BANK) >> 2];
    return bank === this.block + TLB.OFFSET + BANK.USER_ALIGNED * TLB.BANK_SIZE;
  }

  /** First address of the page after `linear`; wraps at 4 GiB outside 64-bit mode. */
  private nextPage(linear: number): number {
    const next = linear - (linear & (PAGE - 1)) + PAGE;
    return linear >= 0 && next === 0x1_0000_0000 && this.o.regs.lo(STATE.ADDRESS_MASK + 4) === 0 ? 0 : next;
  }

  // --- LinearMemory -------------------------------------------------------------------------------

  read(linear: number, bytes: 1 | 2 | 4 | 8, supervisor: boolean): boolean {
    const inPage = linear & (PAGE - 1);
    if (!this.walker.walk(linear, ACCESS.READ, supervisor)) return false;
    const at = this.scratch + 32;
    if (inPage + bytes <= PAGE) {
      this.copyIn(at, this.walker.page + inPage, bytes);
    } else {
      const first = this.walker.page + inPage;
      if (!this.walker.walk(this.nextPage(linear), ACCESS.READ, supervisor)) return false;
      this.copyIn(at, first, PAGE - inPage);
      this.copyIn(at + PAGE - inPage, this.walker.page, bytes - (PAGE - inPage));
    }
    this.lo = bytes === 1 ? this.u8[at] : bytes === 2 ? this.u16[at >> 1] : this.u32[at >> 2];
    this.hi = bytes === 8 ? this.u32[(at >> 2) + 1] : 0;
    return true;
  }

  write(linear: number, bytes: 1 | 2 | 4 | 8, lo: number, hi: number, supervisor: boolean): boolean {
    const inPage = linear & (PAGE - 1);
    if (!this.walker.walk(linear, ACCESS.WRITE, supervisor)) return false;
    const first = this.walker.page + inPage;
    let second = 0;
    if (inPage + bytes > PAGE) {
      if (!this.walker.walk(this.nextPage(linear), ACCESS.WRITE, supervisor)) return false;
      second = this.walker.page;
    }
    const at = this.scratch + 32;
    this.u32[at >> 2] = lo;
    this.u32[(at >> 2) + 1] = hi;
    const firstBytes = Math.min(bytes, PAGE - inPage);
    this.copyOut(at, first, firstBytes);
    this.copyOut(at + firstBytes, second, bytes - firstBytes);
    return true;
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
      const page = guestPhysical.translate(address, ACCESS.READ);
      if (page < 0) {
        guestPhysical.refuse(address, { rights: ACCESS.READ, linear: undefined, final: false });
        return false;
      }
      host = page + (address & (PAGE - 1));
    }
    this.copyIn(this.scratch + 32, host, 8);
    this.lo = this.u32[(this.scratch + 32) >> 2];
    this.hi = this.u32[(this.scratch + 36) >> 2];
    return true;
  }

  // --- translation look-aside buffers -------------------------------------------------------------

  /** Enters the page of `linear` as executable, with its record table. */
  fillExecute(linear: number, mode: number, table: number): void {
    this.fill(TLB.EXECUTE, linear, table, mode);
  }

  flush(kind: 'all' | 'nonglobal'): void {
    this.dropLogged(this.log, this.logged);
    this.logged = 0;
    if (kind === 'all') {
      this.dropLogged(this.globalLog, this.globalLogged);
      this.globalLogged = 0;
    }
    this.o.resync();
  }

  invalidatePage(linear: number): void {
    const page = linear - (linear & (PAGE - 1));
    const lo = page >>> 0;
    const hi = upperHalf(page) >>> 0;
    const slot = (lo >>> 8) & ((TLB.ENTRIES - 1) * TLB.ENTRY_SIZE);
    for (let bank = 0; bank < TLB.BANKS; bank++) {
      for (const tlb of [TLB.READ, TLB.WRITE, TLB.EXECUTE]) {
        const at = (this.block + TLB.OFFSET + bank * TLB.BANK_SIZE + tlb + slot) >> 2;
        // Execute tags carry the code mode in their low bits.
        if ((this.u32[at] & ~0xfff) >>> 0 === lo && this.u32[at + 1] === hi) this.invalidateEntry(at);
      }
    }
    this.dropLarge(lo, hi);
    this.o.resync();
  }

  /** A large page was entered 4 KiB at a time: any of its pieces goes with it (1 GiB regions, to be safe). */
  private dropLarge(lo: number, hi: number): void {
    for (const [log, count] of [
      [this.log, this.logged],
      [this.globalLog, this.globalLogged],
    ] as const) {
      for (let i = 0; i < Math.min(count, LOG_SIZE); i++) {
        const at = log[i];
        const isPiece =
          (this.u32[at + 3] & LARGE) !== 0 && this.u32[at + 1] === hi && (this.u32[at] ^ lo) >>> 30 === 0;
        if (isPiece) this.invalidateEntry(at);
      }
    }
  }

  private fill(tlb: number, linear: number, payload: number, mode = 0): void {
    // Without data entries every access comes by the slow path, where alignment is checked.
    if (tlb !== TLB.EXECUTE && this.checksAlignment) return;
    const page = linear - (linear & (PAGE - 1));
    const bank = this.u32[(this.block + STATE.TLB_BANK) >> 2];
    const slot = (page >>> 8) & ((TLB.ENTRIES - 1) * TLB.ENTRY_SIZE);
    const at = (bank + tlb + slot) >> 2;
    this.u32[at] = (page >>> 0) | mode;
    this.u32[at + 1] = upperHalf(page);
    this.u32[at + 2] = payload;
    this.u32[at + 3] = (this.walker.page / PAGE) | (this.walker.large ? LARGE : 0);
    if (this.walker.global) {
      if (this.globalLogged < LOG_SIZE) this.globalLog[this.globalLogged] = at;
      this.globalLogged++;
    } else {
      if (this.logged < LOG_SIZE) this.log[this.logged] = at;
      this.logged++;
    }
    if (this.logged > LOG_SIZE || this.globalLogged > LOG_SIZE) this.clearExcept(at);
    if (tlb === TLB.WRITE) this.writable[this.walker.page / PAGE] = 1;
  }

  /** The logs are full: forget everything but the entry just made. */
  private clearExcept(at: number): void {
    const entry = this.u32.slice(at, at + 4);
    this.clear();
    this.u32.set(entry, at);
    this.log[this.logged++] = at;
  }

  private clear(): void {
    const start = this.block + TLB.OFFSET;
    this.i32.fill(-1, start >> 2, (start + TLB.BANKS * TLB.BANK_SIZE) >> 2);
    this.writable.fill(0);
    this.logged = 0;
    this.globalLogged = 0;
  }

  private dropLogged(log: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) this.invalidateEntry(log[i]);
  }

  private invalidateEntry(at: number): void {
    this.i32[at] = -1;
    this.i32[at + 1] = -1;
  }

  /** Takes a host-physical page out of the write TLBs. */
  private dropWritable(page: number): void {
    if (this.writable[page] === 0) return;
    this.writable[page] = 0;
    for (let bank = 0; bank < TLB.BANKS; bank++) {
      const start = (this.block + TLB.OFFSET + bank * TLB.BANK_SIZE + TLB.WRITE) >> 2;
      for (let at = start; at < start + TLB.ENTRIES * 4; at += 4) {
        if ((this.u32[at + 3] & ~LARGE) === page) this.invalidateEntry(at);
      }
    }
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
