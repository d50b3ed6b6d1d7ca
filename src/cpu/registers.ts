/**
 * Typed views on the registers of one CPU block (layout: state.ts).
 *
 * Addresses (linear addresses, RIP, segment bases) are JavaScript numbers that hold the *signed*
 * 64-bit value, exact in the canonical range -2^47 .. 2^47-1; outside 64-bit mode they are the
 * unsigned 32-bit value. A non-canonical address becomes some number outside the canonical range,
 * which `isCanonical` tells. Other 64-bit values travel as unsigned (lo, hi) halves.
 */
import { FLAG, SEG, STATUS_FLAGS } from '../arch/registers.ts';
import { ATTRIBUTE } from '../arch/segments.ts';
import { isCanonical, signedNumber, upperHalf } from './number64.ts';
import { CPU_BLOCK_SIZE, SEGMENT, STATE } from './state.ts';

/** Bits of RFLAGS that exist and are not status flags. */
export const SYSTEM_FLAGS =
  FLAG.TF |
  FLAG.IF |
  FLAG.DF |
  FLAG.IOPL |
  FLAG.NT |
  FLAG.RF |
  FLAG.VM |
  FLAG.AC |
  FLAG.VIF |
  FLAG.VIP |
  FLAG.ID;

/** A segment register as a value. `attributes` as in the VMCS access-rights format (see SEGMENT in state.ts). */
export interface Segment {
  selector: number;
  attributes: number;
  /** Bytes, granularity applied; u32. */
  limit: number;
  base: number;
}

/** Base and limit of GDTR or IDTR. */
export interface TableRegister {
  base: number;
  limit: number;
}

/** Attributes from which `refresh` (system/mode.ts) derives something. */
export const DERIVING_ATTRIBUTES = ~(ATTRIBUTE.ACCESSED | ATTRIBUTE.DPL | ATTRIBUTE.AVL | ATTRIBUTE.G);

export class Registers {
  /** Address of the CPU block in linear memory. */
  readonly base: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly u64: BigUint64Array;
  /** Bit n: the fields that `refresh` (system/mode.ts) derives from segment register n may be out of date. */
  stale = 0;
  /**
   * RFLAGS of the CPU block at `base`, lazy status flags evaluated. The generated module's function is
   * put here; until then only raw status flags can be read.
   */
  evaluateFlags: (base: number) => number;

  constructor(memory: WebAssembly.Memory, base: number) {
    this.base = base;
    this.u8 = new Uint8Array(memory.buffer, base, CPU_BLOCK_SIZE);
    this.u16 = new Uint16Array(memory.buffer, base, CPU_BLOCK_SIZE >> 1);
    this.u32 = new Uint32Array(memory.buffer, base, CPU_BLOCK_SIZE >> 2);
    this.i32 = new Int32Array(memory.buffer, base, CPU_BLOCK_SIZE >> 2);
    this.f64 = new Float64Array(memory.buffer, base, CPU_BLOCK_SIZE >> 3);
    this.u64 = new BigUint64Array(memory.buffer, base, CPU_BLOCK_SIZE >> 3);
    this.evaluateFlags = () => {
      if (this.i32[STATE.FLAG_KIND >> 2] >> 2 !== 0) throw new Error('evaluateFlags is not installed');
      return (this.i32[STATE.FLAG_A >> 2] & STATUS_FLAGS) | this.i32[STATE.FLAG_SYSTEM >> 2];
    };
  }

  // Fields by byte offset (a STATE constant).

  lo(offset: number): number {
    return this.u32[offset >> 2];
  }

  hi(offset: number): number {
    return this.u32[(offset >> 2) + 1];
  }

  setPair(offset: number, lo: number, hi: number): void {
    this.u32[offset >> 2] = lo;
    this.u32[(offset >> 2) + 1] = hi;
  }

  /** A 64-bit field as a signed number: exact for addresses and up to 2^53. */
  address(offset: number): number {
    return signedNumber(this.u32[offset >> 2], this.u32[(offset >> 2) + 1]);
  }

  setAddress(offset: number, value: number): void {
    this.u32[offset >> 2] = value;
    this.u32[(offset >> 2) + 1] = upperHalf(value);
  }

  // General registers by number (RAX RCX RDX RBX RSP RBP RSI RDI R8-R15).

  gprLo(n: number): number {
    return this.u32[n << 1];
  }

  gprHi(n: number): number {
    return this.u32[(n << 1) + 1];
  }

  /** The whole register as a signed number. */
  gpr(n: number): number {
    return signedNumber(this.u32[n << 1], this.u32[(n << 1) + 1]);
  }

  setGpr(n: number, lo: number, hi: number): void {
    this.u32[n << 1] = lo;
    this.u32[(n << 1) + 1] = hi;
  }

  /** Writes the whole register from a signed number. */
  setGprNumber(n: number, value: number): void {
    this.setAddress(n << 3, value);
  }

  /** A 32-bit result: clears the upper half. */
  setGpr32(n: number, value: number): void {
    this.u32[n << 1] = value;
    this.u32[(n << 1) + 1] = 0;
  }

  setGpr16(n: number, value: number): void {
    this.u16[n << 2] = value;
  }

  /** AL, CL, .. of register `n`: the low byte. */
  setGpr8(n: number, value: number): void {
    this.u8[n << 3] = value;
  }

  get rip(): number {
    return this.address(STATE.RIP);
  }

  set rip(value: number) {
    this.setAddress(STATE.RIP, value);
  }

  /** Sets RIP to that of the instruction at `offset` of the current code page. */
  setRipInPage(offset: number): void {
    const { u32 } = this;
    const lo = u32[STATE.PAGE_IP >> 2] + offset;
    u32[STATE.RIP >> 2] = lo;
    u32[(STATE.RIP >> 2) + 1] = u32[(STATE.PAGE_IP >> 2) + 1] + (lo > 0xffff_ffff ? 1 : 0);
  }

  // Flags.

  /** All of RFLAGS. */
  get rflags(): number {
    return this.evaluateFlags(this.base);
  }

  /** Writes RFLAGS; reserved bits take their fixed values. Call `refresh` (system/mode.ts) when VM or AC changed. */
  set rflags(value: number) {
    this.i32[STATE.FLAG_KIND >> 2] = 0;
    this.setPair(STATE.FLAG_A, value & STATUS_FLAGS, 0);
    this.systemFlags = value;
  }

  /** RFLAGS without the status flags (which read as 0). */
  get systemFlags(): number {
    return this.i32[STATE.FLAG_SYSTEM >> 2];
  }

  set systemFlags(value: number) {
    this.i32[STATE.FLAG_SYSTEM >> 2] = (value & SYSTEM_FLAGS) | 2;
    this.i32[STATE.RF_BUDGET >> 2] = this.i32[STATE.BUDGET >> 2];
  }

  get iopl(): number {
    return (this.systemFlags >> 12) & 3;
  }

  get cpl(): number {
    return this.i32[STATE.CPL >> 2];
  }

  set cpl(value: number) {
    this.i32[STATE.CPL >> 2] = value;
  }

  // Segment registers by SEG number.

  selector(n: number): number {
    return this.u16[(STATE.SEGMENTS + n * SEGMENT.SIZE + SEGMENT.SELECTOR) >> 1];
  }

  attributes(n: number): number {
    return this.u32[(STATE.SEGMENTS + n * SEGMENT.SIZE + SEGMENT.ATTRIBUTES) >> 2];
  }

  limit(n: number): number {
    return this.u32[(STATE.SEGMENTS + n * SEGMENT.SIZE + SEGMENT.LIMIT) >> 2];
  }

  segmentBase(n: number): number {
    return this.address(STATE.SEGMENTS + n * SEGMENT.SIZE + SEGMENT.BASE);
  }

  setSegmentBase(n: number, value: number): void {
    this.stale |= 1 << n;
    this.setAddress(STATE.SEGMENTS + n * SEGMENT.SIZE + SEGMENT.BASE, value);
  }

  segment(n: number): Segment {
    return {
      selector: this.selector(n),
      attributes: this.attributes(n),
      limit: this.limit(n),
      base: this.segmentBase(n),
    };
  }

  /** Writes selector and hidden part. Call `refresh` (system/mode.ts) after the last change. */
  setSegment(n: number, segment: Readonly<Segment>): void {
    this.loadSegment(n, segment.selector, segment.attributes, segment.limit, segment.base);
  }

  /** `setSegment` with the parts by themselves. */
  loadSegment(n: number, selector: number, attributes: number, limit: number, base: number): void {
    const { i32 } = this;
    const at = (STATE.SEGMENTS + n * SEGMENT.SIZE) >> 2;
    const upper = upperHalf(base);
    const changed =
      ((i32[at + SEGMENT.ATTRIBUTES / 4] ^ attributes) & DERIVING_ATTRIBUTES) |
      (i32[at + SEGMENT.LIMIT / 4] ^ limit) |
      (i32[at + SEGMENT.BASE / 4] ^ base) |
      (i32[at + SEGMENT.BASE / 4 + 1] ^ upper);
    if (changed !== 0) this.stale |= 1 << n;
    i32[at + SEGMENT.SELECTOR / 4] = selector & 0xffff;
    i32[at + SEGMENT.ATTRIBUTES / 4] = attributes;
    i32[at + SEGMENT.LIMIT / 4] = limit;
    i32[at + SEGMENT.BASE / 4] = base;
    i32[at + SEGMENT.BASE / 4 + 1] = upper;
  }

  get gdtr(): TableRegister {
    return { base: this.address(STATE.GDTR), limit: this.lo(STATE.GDTR + 8) };
  }

  set gdtr(value: TableRegister) {
    this.setAddress(STATE.GDTR, value.base);
    this.setPair(STATE.GDTR + 8, value.limit, 0);
  }

  get idtr(): TableRegister {
    return { base: this.address(STATE.IDTR), limit: this.lo(STATE.IDTR + 8) };
  }

  set idtr(value: TableRegister) {
    this.setAddress(STATE.IDTR, value.base);
    this.setPair(STATE.IDTR + 8, value.limit, 0);
  }

  // Control registers. The upper halves of CR0, CR4 and EFER are reserved and read as 0.

  get cr0(): number {
    return this.i32[STATE.CR0 >> 2];
  }

  set cr0(value: number) {
    this.setPair(STATE.CR0, value, 0);
  }

  /** Page-fault linear address. Not necessarily canonical when software wrote it: use lo/hi(STATE.CR2) for exact values. */
  get cr2(): number {
    return this.address(STATE.CR2);
  }

  set cr2(value: number) {
    this.setAddress(STATE.CR2, value);
  }

  /** Physical address with PWT, PCD or the PCID in its low bits. */
  get cr3(): number {
    return this.address(STATE.CR3);
  }

  set cr3(value: number) {
    this.setAddress(STATE.CR3, value);
  }

  get cr4(): number {
    return this.i32[STATE.CR4 >> 2];
  }

  set cr4(value: number) {
    this.setPair(STATE.CR4, value, 0);
  }

  get efer(): number {
    return this.i32[STATE.EFER >> 2];
  }

  set efer(value: number) {
    this.setPair(STATE.EFER, value, 0);
  }

  /** Debug register 0..7 as a number; DR6 and DR7 are u32. */
  dr(n: number): number {
    return this.address(STATE.DR + 8 * n);
  }

  setDr(n: number, lo: number, hi: number): void {
    this.setPair(STATE.DR + 8 * n, lo, hi);
  }

  // Events.

  get interruptibility(): number {
    return this.i32[STATE.INTERRUPTIBILITY >> 2];
  }

  set interruptibility(value: number) {
    this.i32[STATE.INTERRUPTIBILITY >> 2] = value;
  }

  get activity(): number {
    return this.i32[STATE.ACTIVITY >> 2];
  }

  set activity(value: number) {
    this.i32[STATE.ACTIVITY >> 2] = value;
  }

  get faultVector(): number {
    return this.i32[STATE.FAULT_VECTOR >> 2];
  }

  /** -1: none. */
  get faultError(): number {
    return this.i32[STATE.FAULT_ERROR >> 2];
  }

  /** Stores a pending exception for a FAULT status; `address` is the linear address of a page fault. */
  setFault(vector: number, errorCode: number, address = 0): void {
    this.i32[STATE.FAULT_VECTOR >> 2] = vector;
    this.i32[STATE.FAULT_ERROR >> 2] = errorCode;
    this.setAddress(STATE.FAULT_ADDRESS, address);
  }

  // For debuggers and views only: BigInt is slow.

  gprBig(n: number): bigint {
    return this.u64[n];
  }

  fieldBig(offset: number): bigint {
    return this.u64[offset >> 3];
  }

  /** True when code may be fetched at `ip`: canonical in 64-bit mode, within the CS limit otherwise. */
  isBranchTarget(ip: number): boolean {
    const unlimited = this.lo(STATE.CODE_LIMIT) === 0xffff_ffff && this.hi(STATE.CODE_LIMIT) === 0xffff_ffff;
    return unlimited ? isCanonical(ip) : ip >= 0 && ip <= this.limit(SEG.CS);
  }
}
