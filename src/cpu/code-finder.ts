/**
 * From RIP to the decoded record to execute: fetch translation, the page's record table, and decoding
 * of what is not decoded yet.
 */
import { SEG, VECTOR } from '../arch/registers.ts';
import type { CodeMode } from '../isa/modes.ts';
import type { CodeCache } from './code-cache.ts';
import type { Mmu } from './mmu.ts';
import { isCanonical, upperHalf } from './number64.ts';
import { ACCESS } from './paging.ts';
import type { Registers } from './registers.ts';
import { LAYOUT, STATE, TLB } from './state.ts';
import type { CodePage, InstructionMark, Translator } from './translator.ts';

const PAGE = 0x1000;
/** Records that one look-up may need. */
const ROOM = 64;

export interface CodeFinderOptions {
  readonly memory: WebAssembly.Memory;
  readonly regs: Registers;
  readonly mmu: Mmu;
  readonly code: CodeCache;
  readonly translator: Translator;
  readonly ramBytes: number;
  /** Called when the guest fetches where there is no RAM; it cannot go on. */
  readonly outsideRam: (physical: number) => void;
}

export class CodeFinder {
  /** Found by the last successful `find`: the record, the record table of its page, its linear address. */
  record = 0;
  table = 0;
  linear = 0;
  private readonly o: CodeFinderOptions;
  private readonly regs: Registers;
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  /** Host-physical address of the instruction found, and number of the page where it goes on; -1: it does not. */
  physical = 0;
  private secondPage = -1;
  private breakpoints: ReadonlySet<number> = new Set();
  private physicalBreakpoints: ReadonlySet<number> = new Set();
  /** Of both kinds. */
  private breakpointOffsets: ReadonlySet<number> = new Set();
  /** The instruction is one that `setMark` chooses. */
  isMarked = false;

  constructor(options: CodeFinderOptions) {
    this.o = options;
    this.regs = options.regs;
    this.u32 = new Uint32Array(options.memory.buffer);
    this.i32 = new Int32Array(options.memory.buffer);
  }

  /**
   * Addresses whose instructions stand alone, so that each arrival there passes by `find`.
   * @param physical host-physical ones
   */
  setBreakpoints(linear: ReadonlySet<number>, physical: ReadonlySet<number>): void {
    this.breakpoints = linear;
    this.physicalBreakpoints = physical;
    this.breakpointOffsets = new Set([...linear, ...physical].map((address) => address & (PAGE - 1)));
    this.o.code.flush();
  }

  /** Instructions that stand alone wherever they are; undefined: none. All system operations are among them. */
  setMark(mark: InstructionMark | undefined): void {
    this.o.translator.mark = mark;
    this.o.code.flush();
  }

  /** Whether there is a breakpoint at `linear` or `physical`. */
  get atBreakpoint(): boolean {
    return this.breakpoints.has(this.linear) || this.physicalBreakpoints.has(this.physical);
  }

  /** Linear address of an offset in CS. */
  private linearOf(rip: number): number {
    const r = this.regs;
    const linear = rip + r.address(STATE.EFFECTIVE_BASE + 8 * SEG.CS);
    return r.hi(STATE.ADDRESS_MASK) === 0 ? linear >>> 0 : linear;
  }

  /**
   * Finds or makes the record at RIP; sets `record`, `table`, `linear` and the page fields of the CPU block.
   * @returns false with a fault stored
   */
  find(): boolean {
    const { regs: r } = this;
    const { rip } = r;
    const linear = this.linearOf(rip);
    this.linear = linear;
    if (!r.isBranchTarget(rip) || !isCanonical(linear)) {
      r.setFault(VECTOR.GP, 0);
      return false;
    }
    const offset = linear & (PAGE - 1);
    const mode = r.lo(STATE.CODE_MODE) as CodeMode;
    this.recordHit(linear, mode);
    const page = this.page(linear, mode);
    if (page < 0) return false;
    this.physical = page * PAGE + offset;
    this.secondPage = -1;
    this.isMarked = false;
    r.setAddress(STATE.PAGE_LINEAR, linear - offset);
    r.setAddress(STATE.PAGE_IP, rip - offset);
    this.record = this.u32[(this.table >> 2) + offset];
    if (this.record === 0) this.record = this.decode({ page, table: this.table, mode }, offset, linear);
    return this.record !== 0;
  }

  /** Host-physical page number of the code at a linear address, with `table` set; -1 after a fault. */
  private page(linear: number, mode: CodeMode): number {
    const known = this.cachedPage(linear, mode);
    if (known >= 0) return this.table === 0 ? this.addTable(known, linear, mode) : known;
    const page = this.walk(linear);
    if (page < 0) return -1;
    this.table = this.o.code.table(page, mode);
    this.o.mmu.fillExecute(linear - (linear & (PAGE - 1)), mode, this.table);
    return page;
  }

  /** Gives a page that the execute TLB has without a record table a new one. */
  private addTable(page: number, linear: number, mode: CodeMode): number {
    this.table = this.o.code.table(page, mode);
    const at = this.entry(linear);
    this.i32[at] = (linear & -PAGE) | mode;
    this.i32[at + TLB.PAYLOAD / 4] = this.table;
    return page;
  }

  /** Index of the entry of the execute TLB where a linear address has to be. */
  private entry(linear: number): number {
    const slot = (linear >>> 8) & ((TLB.EXECUTE_ENTRIES - 1) * TLB.ENTRY_SIZE);
    return (this.regs.i32[STATE.TLB_BANK >> 2] + TLB.EXECUTE + slot) >> 2;
  }

  /** Tells the recorder that the execute TLB has the page; a walk tells of itself. */
  private recordHit(linear: number, mode: CodeMode): void {
    const { mmu } = this.o;
    const found = mmu.recorder && this.lookUp(linear, mode, true);
    if (found) mmu.recordHit('fetch', linear, found.physical * PAGE + (linear & (PAGE - 1)));
  }

  /** Tells the recorder of the bytes of the instruction that `find` has found. */
  recordFetch(bytes: number): void {
    const offset = this.linear & (PAGE - 1);
    const firstBytes = Math.min(bytes, PAGE - offset);
    const pieces = [{ hostPhysical: this.physical, bytes: firstBytes }];
    if (firstBytes < bytes) pieces.push({ hostPhysical: this.secondPage * PAGE, bytes: bytes - firstBytes });
    const ram = new Uint8Array(this.u32.buffer, LAYOUT.RAM);
    const value = Uint8Array.from(
      pieces.flatMap(({ hostPhysical, bytes: n }) => [...ram.subarray(hostPhysical, hostPhysical + n)]),
    );
    this.o.mmu.recorder?.({ kind: 'transfer', access: 'fetch', linear: this.linear, pieces, value });
  }

  /**
   * Page and record table of the code at a linear address, as the execute TLB has it; nothing changes.
   * @param orNoTable also where there is no record table any more: 0
   */
  lookUp(linear: number, mode: CodeMode, orNoTable = false): { physical: number; table: number } | undefined {
    const { table } = this;
    const physical = this.cachedPage(linear, mode);
    const found =
      physical < 0 || (this.table === 0 && !orNoTable) ? undefined : { physical, table: this.table };
    this.table = table;
    return found;
  }

  /** The same from the execute TLB alone; -1 when it is not there. `table` is 0 when there is none any more. */
  private cachedPage(linear: number, mode: CodeMode): number {
    const { i32 } = this;
    const at = this.entry(linear);
    const tag = (linear & -PAGE) | mode;
    if ((i32[at] & ~TLB.NO_TABLE_TAG) !== tag || i32[at + 1] !== upperHalf(linear)) return -1;
    this.table = i32[at] === tag ? i32[at + TLB.PAYLOAD / 4] : 0;
    return i32[at + TLB.PHYSICAL_PAGE / 4] & TLB.PAGE_MASK;
  }

  /** Host-physical page number by the page tables; -1 after a fault. */
  private walk(linear: number): number {
    const { mmu, ramBytes } = this.o;
    if (!mmu.walker.walk(linear, ACCESS.EXECUTE, false)) return -1;
    const { page } = mmu.walker;
    if (page >= ramBytes) {
      this.o.outsideRam(page);
      return -1;
    }
    return page / PAGE;
  }

  /** @returns the record, 0 after a fault */
  private decode(at: CodePage, offset: number, linear: number): number {
    const { code, translator } = this.o;
    if (!code.hasRoom(ROOM)) {
      // Everything decoded goes; look the page up afresh.
      code.flush();
      const page = this.page(linear, at.mode);
      return page < 0 ? 0 : this.decode({ page, table: this.table, mode: at.mode }, offset, linear);
    }
    const known = code.findCrossing(at.page * PAGE + offset, at.mode);
    if (known) return this.decodeCrossing(at, offset, linear);
    translator.isMarked = false;
    const record = this.breakpointOffsets.has(offset)
      ? translator.translateSingle(at, offset, undefined)
      : translator.translate(at, offset, this.breakpointOffsets);
    this.isMarked = translator.isMarked;
    return record !== 0 ? record : this.decodeCrossing(at, offset, linear);
  }

  /** An instruction that crosses into the next page: kept apart, valid while both pages translate as before. */
  private decodeCrossing(at: CodePage, offset: number, linear: number): number {
    const { regs } = this;
    const { code, translator } = this.o;
    const next = linear - offset + PAGE;
    const wraps = regs.hi(STATE.ADDRESS_MASK) === 0 && next === 0x1_0000_0000;
    const nextLinear = wraps ? 0 : next;
    // No table is made for the second page: that could drop all tables, this page's among them.
    this.recordHit(nextLinear, at.mode);
    const cached = this.cachedPage(nextLinear, at.mode);
    const second = cached >= 0 ? cached : this.walk(nextLinear);
    this.table = at.table;
    if (second < 0) return 0;
    this.secondPage = second;
    const address = at.page * PAGE + offset;
    const known = code.findCrossing(address, at.mode);
    const isMarking = translator.mark !== undefined;
    if (known?.secondPage === second && !isMarking) return known.record;
    const record = translator.translateSingle(at, offset, second);
    this.isMarked = translator.isMarked;
    const entry = { record, address, mode: at.mode, firstPage: at.page, secondPage: second };
    // Where a breakpoint may be, each arrival has to come by here.
    code.addCrossing(entry, !isMarking && !this.breakpointOffsets.has(offset));
    return record;
  }
}
