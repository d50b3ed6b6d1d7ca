/**
 * The derived fields of a CPU block: what the generated code needs to know of CR0, CR4, EFER, CPL,
 * the segment registers and EFLAGS.VM/AC, in a form that costs it nothing to use.
 *
 * SDM volume 3A, "Modes of Operation", "Segment Limit Checking", "Type Checking".
 */
import { CR0, CR4, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import { CODE_MODE, type CodeMode } from '../../isa/modes.ts';
import type { Registers } from '../registers.ts';
import { BANK, FPU_TRAP, SEGMENT, STATE, TLB } from '../state.ts';

export const isProtected = (r: Registers): boolean => (r.cr0 & CR0.PE) !== 0;

/** Virtual-8086 mode. */
export const isVm86 = (r: Registers): boolean => (r.systemFlags & FLAG.VM) !== 0;

/** Protected mode proper: segments are described by descriptors. False in real-address and virtual-8086 mode. */
export const usesDescriptors = (r: Registers): boolean => isProtected(r) && !isVm86(r);

/** IA-32e mode: 64-bit or compatibility mode. */
export const isLongMode = (r: Registers): boolean => (r.efer & EFER.LMA) !== 0;

/** 64-bit mode: IA-32e mode with CS.L = 1. */
export const is64Bit = (r: Registers): boolean =>
  (r.efer & EFER.LMA) !== 0 && (r.attributes(SEG.CS) & ATTRIBUTE.L) !== 0;

/** What segment registers mean: a base of 16 times the selector, what descriptors say, hardly anything. */
export const SEGMENTATION = { REAL: 0, DESCRIPTORS: 1, WIDE: 2 } as const;

export type Segmentation = (typeof SEGMENTATION)[keyof typeof SEGMENTATION];

export function segmentation(r: Registers): Segmentation {
  if (is64Bit(r)) return SEGMENTATION.WIDE;
  return usesDescriptors(r) ? SEGMENTATION.DESCRIPTORS : SEGMENTATION.REAL;
}

/** PCID of linear addresses: CR3 bits 11:0 when CR4.PCIDE = 1, else 0. */
export const currentPcid = (r: Registers): number =>
  (r.cr4 & CR4.PCIDE) !== 0 ? r.lo(STATE.CR3) & 0xfff : 0;

/** Recomputes every derived field. Call after any change of CR0, CR4, EFER, CPL, a segment register, EFLAGS.VM or AC. */
export function refresh(r: Registers): void {
  refreshPrivilege(r);
  refreshFpuTrap(r);
  const wide = is64Bit(r);
  const checksType = usesDescriptors(r);
  for (let n = SEG.ES; n <= SEG.GS; n++) refreshSegment(r, n, wide, checksType);
  refreshCode(r, wide);
  r.stale = 0;
}

/**
 * The part of `refresh` that depends on CPL and segment registers.
 * @param before `segmentation` before the first change
 */
export function refreshTransfer(r: Registers, before: Segmentation): void {
  if (segmentation(r) !== before || before === SEGMENTATION.REAL) {
    refresh(r);
    return;
  }
  refreshPrivilege(r);
  const wide = before === SEGMENTATION.WIDE;
  const { stale } = r;
  r.stale = 0;
  // In 64-bit mode FS and GS have bases and nothing else counts.
  if ((wide ? stale & FS_AND_GS : stale) === 0) return;
  for (let n = SEG.ES; n <= SEG.GS; n++) if ((stale & (1 << n)) !== 0) refreshSegment(r, n, wide, true);
  refreshCode(r, wide);
}

const FS_AND_GS = (1 << SEG.FS) | (1 << SEG.GS);

/** Code mode, masks and code limit, after the ranges of the segments. */
function refreshCode(r: Registers, wide: boolean): void {
  const { u32 } = r;
  const stackIs32 = (r.attributes(SEG.SS) & ATTRIBUTE.DB) !== 0;
  const upper = wide ? 0xffff_ffff : 0;
  u32[STATE.CODE_MODE >> 2] = codeMode(r, wide);
  u32[(STATE.CODE_MODE >> 2) + 1] = 0;
  u32[STATE.ADDRESS_MASK >> 2] = 0xffff_ffff;
  u32[(STATE.ADDRESS_MASK >> 2) + 1] = upper;
  u32[STATE.STACK_MASK >> 2] = wide || stackIs32 ? 0xffff_ffff : 0xffff;
  u32[(STATE.STACK_MASK >> 2) + 1] = upper;
  u32[STATE.CODE_LIMIT >> 2] = wide ? 0xffff_ffff : r.limit(SEG.CS);
  u32[(STATE.CODE_LIMIT >> 2) + 1] = upper;
}

/** The part of `refresh` that depends on CPL, CR0.AM, CR4.SMAP and EFLAGS.AC. */
export function refreshPrivilege(r: Registers): void {
  const bank = r.cpl === 3 ? userBank(r) : supervisorBank(r);
  r.u32[STATE.TLB_BANK >> 2] = r.u32[STATE.TLB_SET >> 2] + bank * TLB.BANK_SIZE;
}

const userBank = (r: Registers): number =>
  (r.systemFlags & FLAG.AC) !== 0 && (r.cr0 & CR0.AM) !== 0 ? BANK.USER_ALIGNED : BANK.USER;

const supervisorBank = (r: Registers): number =>
  (r.systemFlags & FLAG.AC) !== 0 && (r.cr4 & CR4.SMAP) !== 0 ? BANK.SUPERVISOR_AC : BANK.SUPERVISOR;

/** The part of `refresh` that depends on CR0.EM, CR0.MP, CR0.TS and CR4.OSFXSR. The x87 code keeps the PENDING bit. */
export function refreshFpuTrap(r: Registers): void {
  let trap = r.u32[STATE.FPU_TRAP >> 2] & FPU_TRAP.PENDING;
  if (r.cr0 & CR0.EM) trap |= FPU_TRAP.EM;
  if (r.cr0 & CR0.TS) trap |= r.cr0 & CR0.MP ? FPU_TRAP.TS | FPU_TRAP.WAIT : FPU_TRAP.TS;
  if (!(r.cr4 & CR4.OSFXSR)) trap |= FPU_TRAP.NO_OSFXSR;
  r.u32[STATE.FPU_TRAP >> 2] = trap;
}

/** The part of `refresh` for one data segment register outside 64-bit mode or for FS and GS: base and range. */
export function refreshDataSegment(r: Registers, n: number): void {
  if (is64Bit(r)) {
    if (n >= SEG.FS) copyBase(r, n);
    return;
  }
  if (n === SEG.SS || n === SEG.CS) {
    refresh(r);
    return;
  }
  if ((r.stale & (1 << n)) === 0) return;
  r.stale &= ~(1 << n);
  refreshSegment(r, n, false, usesDescriptors(r));
  if (n < SEG.FS) r.setPair(STATE.CODE_MODE, codeMode(r, false), 0);
}

function codeMode(r: Registers, wide: boolean): CodeMode {
  if (wide) return CODE_MODE.LONG64;
  const stackIs32 = (r.attributes(SEG.SS) & ATTRIBUTE.DB) !== 0;
  if (!(r.attributes(SEG.CS) & ATTRIBUTE.DB)) {
    return stackIs32 ? CODE_MODE.CS16_SS32 : CODE_MODE.CS16_SS16;
  }
  if (!stackIs32) return CODE_MODE.CS32_SS16;
  return isFlat(r) ? CODE_MODE.FLAT32 : CODE_MODE.CS32_SS32;
}

const isFlat = (r: Registers): boolean =>
  isUnlimited(r, SEG.CS) && isUnlimited(r, SEG.SS) && isUnlimited(r, SEG.DS) && isUnlimited(r, SEG.ES);

/** Base 0; readable, and writable unless it is CS, at all offsets: what its range (below) already says. */
function isUnlimited({ u32 }: Registers, n: number): boolean {
  const base = (STATE.EFFECTIVE_BASE + 8 * n) >> 2;
  const range = (STATE.SEGMENT_RANGE + 32 * n) >> 2;
  if ((u32[base] | u32[base + 1]) !== 0) return false;
  return isWhole(u32, range) && (n === SEG.CS || isWhole(u32, range + 4));
}

/** 0 to FFFFFFFFh. */
const isWhole = (u32: Uint32Array, at: number): boolean =>
  (u32[at] | u32[at + 1] | ~u32[at + 2] | u32[at + 3]) === 0;

/**
 * Effective base of one segment, and its range: signed bounds of the offsets that may be read and written.
 * All offsets in 64-bit mode; low 1, high 0 where nothing may be accessed.
 * @param checksType code and data segments differ in what they allow
 */
function refreshSegment(r: Registers, n: number, wide: boolean, checksType: boolean): void {
  const { u32 } = r;
  const range = (STATE.SEGMENT_RANGE + 32 * n) >> 2;
  if (wide) {
    if (n >= SEG.FS) copyBase(r, n);
    else r.setPair(STATE.EFFECTIVE_BASE + 8 * n, 0, 0);
    setAll(u32, range);
    setAll(u32, range + 4);
    return;
  }
  copyBase(r, n);
  const attributes = r.attributes(n);
  const usable = (attributes & (ATTRIBUTE.UNUSABLE | ATTRIBUTE.P)) === ATTRIBUTE.P;
  const isCode = (attributes & ATTRIBUTE.CODE) !== 0;
  const readable = usable && (!checksType || !isCode || (attributes & ATTRIBUTE.READABLE) !== 0);
  const writable = usable && (!checksType || (!isCode && (attributes & ATTRIBUTE.WRITABLE) !== 0));
  const expandDown = !isCode && (attributes & ATTRIBUTE.EXPAND_DOWN) !== 0;
  const limit = r.limit(n);
  const low = expandDown ? limit + 1 : 0;
  const high = expandDown ? (attributes & ATTRIBUTE.DB ? 0xffff_ffff : 0xffff) : limit;
  setBounds(u32, range, readable, low, high);
  setBounds(u32, range + 4, writable, low, high);
}

function copyBase({ u32 }: Registers, n: number): void {
  const from = (STATE.SEGMENTS + n * SEGMENT.SIZE + SEGMENT.BASE) >> 2;
  const to = (STATE.EFFECTIVE_BASE + 8 * n) >> 2;
  u32[to] = u32[from];
  u32[to + 1] = u32[from + 1];
}

function setAll(u32: Uint32Array, at: number): void {
  u32[at] = 0;
  u32[at + 1] = 0x8000_0000;
  u32[at + 2] = 0xffff_ffff;
  u32[at + 3] = 0x7fff_ffff;
}

/** `low` may be 2^32. */
function setBounds(u32: Uint32Array, at: number, allowed: boolean, low: number, high: number): void {
  u32[at] = allowed ? low : 1;
  u32[at + 1] = allowed && low > 0xffff_ffff ? 1 : 0;
  u32[at + 2] = allowed ? high : 0;
  u32[at + 3] = 0;
}
