/**
 * Debug registers: MOV DR, breakpoint matching, single step. SDM volume 3B, "Debug, Branch Profile,
 * TSC, and Intel Resource Director Technology (Intel RDT) Features", section "Debug Registers".
 */
import { CR4, FLAG, VECTOR } from '../../arch/registers.ts';
import type { Registers } from '../registers.ts';
import { STATE, STATUS } from '../state.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { DR6, DR7 } from './debug-registers.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import { is64Bit, isVm86 } from './mode.ts';
import { advance, writeSized } from './operand.ts';

const DR7_AT = STATE.DR + 56;
const PAGE = 0x1000;
/** In STATE.PENDING_DEBUG while the instruction is under way. */
const NO_STEP = 1 << 31;

/** Breakpoint conditions, R/W fields of DR7. */
const CONDITION = { EXECUTE: 0, WRITE: 1, IO: 2, READ_WRITE: 3 } as const;
/** Lengths by the LEN fields of DR7; 8 bytes exist in 64-bit capable processors in every mode. */
const LENGTHS = [1, 2, 8, 4] as const;

/** DR4 and DR5 are aliases of DR6 and DR7 unless CR4.DE = 1. Undefined: #UD. */
function debugRegister(c: SystemContext, number: number): number | undefined {
  if (number > 7) return undefined;
  if (number !== 4 && number !== 5) return number;
  return c.regs.cr4 & CR4.DE ? undefined : number + 2;
}

/** Checks shared by both directions; the register number, or a status. */
function access(c: SystemContext, write: boolean): { number: number } | { status: Status } {
  const { regs: r, record } = c;
  const number = debugRegister(c, record.reg);
  if (number === undefined) return { status: undefinedOpcode(c) };
  if (r.cpl !== 0 || isVm86(r)) return { status: generalProtection(c) };
  if (r.lo(DR7_AT) & DR7.GD) {
    r.setFault(VECTOR.DB, -1, DR6.BD);
    return { status: STATUS.FAULT };
  }
  const exits = c.interceptor?.debugRegister({ register: record.reg, write, gpr: record.rm });
  return exits ? { status: STATUS.EXIT } : { number };
}

function moveFromDebug(c: SystemContext): Status {
  const result = access(c, false);
  if ('status' in result) return result.status;
  const { regs: r, record } = c;
  const at = STATE.DR + 8 * result.number;
  writeSized(c, record.rm, is64Bit(r) ? 64 : 32, r.lo(at), r.hi(at));
  return STATUS.NEXT;
}

function moveToDebug(c: SystemContext): Status {
  const result = access(c, true);
  if ('status' in result) return result.status;
  const { regs: r, record } = c;
  const { number } = result;
  const lo = r.gprLo(record.rm);
  const hi = is64Bit(r) ? r.gprHi(record.rm) : 0;
  if (number >= 6 && hi !== 0) return generalProtection(c);
  if (number === 6) r.setDr(6, (lo & 0xe00f) | DR6.FIXED, 0);
  else if (number === 7) r.setDr(7, (lo & ~DR7.FIXED_0) | DR7.FIXED_1, 0);
  else r.setDr(number, lo, hi);
  // Pages with data breakpoints are kept out of the TLBs, and the run loop looks for the others.
  c.memory.flush('everything');
  advance(c);
  return STATUS.EXIT;
}

export const DEBUG_OPERATIONS: Record<string, SystemOperation> = { moveFromDebug, moveToDebug };

/** Whether a breakpoint is enabled whose condition `wants` accepts. */
function isArmed(r: Registers, wants: (condition: number) => boolean): boolean {
  const dr7 = r.lo(DR7_AT);
  if ((dr7 & DR7.ENABLES) === 0) return false;
  return [0, 1, 2, 3].some((n) => (dr7 & (3 << (2 * n))) !== 0 && wants((dr7 >>> (16 + 4 * n)) & 3));
}

const isExecute = (condition: number): boolean => condition === CONDITION.EXECUTE;
const isData = (condition: number): boolean =>
  condition === CONDITION.WRITE || condition === CONDITION.READ_WRITE;

/** True when every instruction has to be looked at before it is executed. */
export const hasCodeBreakpoints = (r: Registers): boolean => isArmed(r, isExecute);

/** True when data accesses have to be looked at. */
export const hasDataBreakpoints = (r: Registers): boolean => isArmed(r, isData);

/** B0-B3 bits of the enabled breakpoints for which `wants` accepts the condition and the ranges overlap. */
function match(r: Registers, address: number, bytes: number, wants: (condition: number) => boolean): number {
  const dr7 = r.lo(DR7_AT);
  let hits = 0;
  for (let n = 0; n < 4; n++) {
    if ((dr7 & (3 << (2 * n))) === 0) continue;
    const condition = (dr7 >>> (16 + 4 * n)) & 3;
    if (!wants(condition)) continue;
    const length = LENGTHS[(dr7 >>> (18 + 4 * n)) & 3];
    const start = Math.floor(r.dr(n) / length) * length;
    if (address < start + length && start < address + bytes) hits |= 1 << n;
  }
  return hits;
}

/** Instruction breakpoints at linear address `address`: B0-B3. */
export const matchExecution = (r: Registers, address: number): number => match(r, address, 1, isExecute);

/** I/O breakpoints, which need CR4.DE. */
export const matchPort = (r: Registers, port: number, bytes: number): number =>
  r.cr4 & CR4.DE ? match(r, port, bytes, (condition) => condition === CONDITION.IO) : 0;

/** Notes trap-class debug conditions, which are raised after the instruction. */
export function notePendingDebug(r: Registers, bits: number): void {
  r.i32[STATE.PENDING_DEBUG >> 2] |= bits;
}

/**
 * Notes the data breakpoints that an access hits.
 * @returns true when there are breakpoints in the page, so that it may not be entered in a TLB
 */
export function watchesData(r: Registers, linear: number, bytes: number, write: boolean): boolean {
  if ((r.lo(DR7_AT) & DR7.ENABLES) === 0 || !hasDataBreakpoints(r)) return false;
  const wants = (condition: number): boolean =>
    condition === CONDITION.READ_WRITE || (write && condition === CONDITION.WRITE);
  notePendingDebug(r, match(r, linear, bytes, wants));
  return match(r, Math.floor(linear / PAGE) * PAGE, PAGE, isData) !== 0;
}

/**
 * After an instruction that began with TF = 1: a single-step trap is due, unless the instruction was
 * one that enters a handler with TF = 0 (`skipSingleStep`).
 */
export function noteSingleStep(r: Registers): void {
  const pending = r.i32[STATE.PENDING_DEBUG >> 2];
  r.i32[STATE.PENDING_DEBUG >> 2] = pending & NO_STEP ? pending & ~NO_STEP : pending | DR6.BS;
}

/** INT n, INT3, INTO, INT1 and SYSCALL with TF masked cause no single-step trap behind themselves. */
export function skipSingleStep(r: Registers, flagsBefore: number): void {
  if (flagsBefore & FLAG.TF) notePendingDebug(r, NO_STEP);
}
