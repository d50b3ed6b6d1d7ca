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
import { nextIp, writeSized } from './operand.ts';

const DR7_AT = STATE.DR + 56;

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
  // Breakpoints may have come or gone: the run loop decides how to go on.
  r.rip = nextIp(c);
  return STATUS.EXIT;
}

export const DEBUG_OPERATIONS: Record<string, SystemOperation> = { moveFromDebug, moveToDebug };

/** True when any breakpoint is enabled. */
export const hasBreakpoints = (r: Registers): boolean => (r.lo(DR7_AT) & DR7.ENABLES) !== 0;

/** True when a data or I/O breakpoint is enabled, so that every instruction has to be watched. */
export function hasDataBreakpoints(r: Registers): boolean {
  const dr7 = r.lo(DR7_AT);
  for (let n = 0; n < 4; n++) {
    if (dr7 & (3 << (2 * n)) && ((dr7 >>> (16 + 4 * n)) & 3) !== CONDITION.EXECUTE) return true;
  }
  return false;
}

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
export const matchExecution = (r: Registers, address: number): number =>
  match(r, address, 1, (condition) => condition === CONDITION.EXECUTE);

/** Data breakpoints on an access; they are traps, due after the instruction. */
export const matchData = (r: Registers, address: number, bytes: number, write: boolean): number =>
  match(
    r,
    address,
    bytes,
    (condition) => condition === CONDITION.READ_WRITE || (write && condition === CONDITION.WRITE),
  );

/** I/O breakpoints, which need CR4.DE. */
export const matchPort = (r: Registers, port: number, bytes: number): number =>
  r.cr4 & CR4.DE ? match(r, port, bytes, (condition) => condition === CONDITION.IO) : 0;

/** Notes trap-class debug conditions that `deliverDebugTraps` (boundary.ts) raises after the instruction. */
export function notePendingDebug(r: Registers, bits: number): void {
  r.i32[STATE.PENDING_DEBUG >> 2] |= bits;
}

/** #DB for an instruction breakpoint at the next instruction, unless RF suppresses it. False: stored. */
export function checkExecution(c: SystemContext, linear: number): boolean {
  const r = c.regs;
  if (r.systemFlags & FLAG.RF) return true;
  const hits = matchExecution(r, linear);
  if (hits === 0) return true;
  r.setFault(VECTOR.DB, -1, hits);
  return false;
}
