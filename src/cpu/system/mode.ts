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
import { FPU_TRAP, STATE, TLB } from '../state.ts';

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

/** PCID of linear addresses: CR3 bits 11:0 when CR4.PCIDE = 1, else 0. */
export const currentPcid = (r: Registers): number =>
  (r.cr4 & CR4.PCIDE) !== 0 ? r.lo(STATE.CR3) & 0xfff : 0;

/** TLB banks: see STATE.TLB_BANK. */
export const BANK = { SUPERVISOR: 0, USER: 1, SUPERVISOR_AC: 2, USER_ALIGNED: 3 } as const;

/** Recomputes every derived field. Call after any change of CR0, CR4, EFER, CPL, a segment register, EFLAGS.VM or AC. */
export function refresh(r: Registers): void {
  refreshPrivilege(r);
  refreshFpuTrap(r);
  const wide = is64Bit(r);
  for (let n = SEG.ES; n <= SEG.GS; n++) {
    const flatBase = wide && n < SEG.FS;
    r.setAddress(STATE.EFFECTIVE_BASE + 8 * n, flatBase ? 0 : r.segmentBase(n));
    refreshRange(r, n, wide);
  }
  const mode = codeMode(r);
  r.setPair(STATE.CODE_MODE, mode, 0);
  r.setPair(STATE.ADDRESS_MASK, 0xffff_ffff, wide ? 0xffff_ffff : 0);
  const stackIs32 = (r.attributes(SEG.SS) & ATTRIBUTE.DB) !== 0;
  if (wide) r.setPair(STATE.STACK_MASK, 0xffff_ffff, 0xffff_ffff);
  else r.setPair(STATE.STACK_MASK, stackIs32 ? 0xffff_ffff : 0xffff, 0);
  if (wide) r.setPair(STATE.CODE_LIMIT, 0xffff_ffff, 0xffff_ffff);
  else r.setPair(STATE.CODE_LIMIT, r.limit(SEG.CS), 0);
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
  if (!is64Bit(r)) {
    if (n === SEG.SS || n === SEG.CS) {
      refresh(r);
      return;
    }
    r.setAddress(STATE.EFFECTIVE_BASE + 8 * n, r.segmentBase(n));
    refreshRange(r, n, false);
    if (n < SEG.FS) r.setPair(STATE.CODE_MODE, codeMode(r), 0);
    return;
  }
  if (n >= SEG.FS) r.setAddress(STATE.EFFECTIVE_BASE + 8 * n, r.segmentBase(n));
}

function codeMode(r: Registers): CodeMode {
  if (is64Bit(r)) return CODE_MODE.LONG64;
  const stackIs32 = (r.attributes(SEG.SS) & ATTRIBUTE.DB) !== 0;
  if (!(r.attributes(SEG.CS) & ATTRIBUTE.DB)) {
    return stackIs32 ? CODE_MODE.CS16_SS32 : CODE_MODE.CS16_SS16;
  }
  if (!stackIs32) return CODE_MODE.CS32_SS16;
  return isFlat(r) ? CODE_MODE.FLAT32 : CODE_MODE.CS32_SS32;
}

const FLAT_SEGMENTS = [SEG.CS, SEG.SS, SEG.DS, SEG.ES];

function isFlat(r: Registers): boolean {
  for (const n of FLAT_SEGMENTS) if (r.segmentBase(n) !== 0 || !isUnlimited(r, n)) return false;
  return true;
}

/** Readable, and writable unless it is CS, at all offsets: what its range (below) already says. */
function isUnlimited(r: Registers, n: number): boolean {
  const range = STATE.SEGMENT_RANGE + 32 * n;
  const whole = (low: number): boolean =>
    r.lo(low) === 0 && r.hi(low) === 0 && r.lo(low + 8) === 0xffff_ffff && r.hi(low + 8) === 0;
  return whole(range) && (n === SEG.CS || whole(range + 16));
}

/**
 * Range of one segment: signed bounds of the offsets that may be read and written. All offsets in
 * 64-bit mode; low 1, high 0 where nothing may be accessed.
 */
function refreshRange(r: Registers, n: number, wide: boolean): void {
  const at = STATE.SEGMENT_RANGE + 32 * n;
  if (wide) {
    setAll(r, at);
    setAll(r, at + 16);
    return;
  }
  const attributes = r.attributes(n);
  const usable = (attributes & ATTRIBUTE.UNUSABLE) === 0 && (attributes & ATTRIBUTE.P) !== 0;
  const isCode = (attributes & ATTRIBUTE.CODE) !== 0;
  const checksType = usesDescriptors(r);
  const readable = usable && (!checksType || !isCode || (attributes & ATTRIBUTE.READABLE) !== 0);
  const writable = usable && (!checksType || (!isCode && (attributes & ATTRIBUTE.WRITABLE) !== 0));
  const expandDown = !isCode && (attributes & ATTRIBUTE.EXPAND_DOWN) !== 0;
  const limit = r.limit(n);
  const low = expandDown ? limit + 1 : 0;
  const high = expandDown ? (attributes & ATTRIBUTE.DB ? 0xffff_ffff : 0xffff) : limit;
  setBounds(r, at, readable, low, high);
  setBounds(r, at + 16, writable, low, high);
}

function setAll(r: Registers, at: number): void {
  r.setPair(at, 0, 0x8000_0000);
  r.setPair(at + 8, 0xffff_ffff, 0x7fff_ffff);
}

function setBounds(r: Registers, at: number, allowed: boolean, low: number, high: number): void {
  r.setAddress(at, allowed ? low : 1);
  r.setAddress(at + 8, allowed ? high : 0);
}
