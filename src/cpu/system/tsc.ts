/** The time-stamp counter: simulated time in cycles plus what software wrote, mod 2^64. SDM volume 3B, "Time-Stamp Counter". */
import { CR4, GPR } from '../../arch/registers.ts';
import type { Registers } from '../registers.ts';
import { STATE, STATUS } from '../state.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import { MSR_FIELD } from './msr-fields.ts';

interface Pair {
  readonly lo: number;
  readonly hi: number;
}

/** a + b mod 2^64 of a pair and a (possibly negative) integer below 2^53. */
function add(a: Pair, b: number): Pair {
  const lo = a.lo + (b >>> 0);
  return { lo: lo >>> 0, hi: (a.hi + Math.floor(b / 0x1_0000_0000) + (lo > 0xffff_ffff ? 1 : 0)) >>> 0 };
}

/** The processor's counter at a cycle. */
export const tscAt = (r: Registers, cycle: number): Pair =>
  add({ lo: r.lo(MSR_FIELD.TSC_OFFSET), hi: r.hi(MSR_FIELD.TSC_OFFSET) }, cycle);

/** The counter as the present (guest) software sees it. */
export function readTsc(c: SystemContext): Pair {
  const counter = tscAt(c.regs, c.tsc());
  return c.interceptor ? add(counter, c.interceptor.tscOffset()) : counter;
}

/** Sets the processor's counter; a guest's TSC offset does not take part. */
export function writeTsc(c: SystemContext, lo: number, hi: number): boolean {
  const offset = add({ lo, hi }, -c.tsc());
  c.regs.setPair(MSR_FIELD.TSC_OFFSET, offset.lo, offset.hi);
  const atHorizon = add({ lo, hi }, c.regs.i32[STATE.BUDGET >> 2]);
  c.regs.setPair(STATE.TSC, atHorizon.lo, atHorizon.hi);
  return true;
}

const isRefused = (c: SystemContext): boolean => (c.regs.cr4 & CR4.TSD) !== 0 && c.regs.cpl !== 0;

function putTsc(c: SystemContext): void {
  const { lo, hi } = readTsc(c);
  c.regs.setGpr32(GPR.RAX, lo);
  c.regs.setGpr32(GPR.RDX, hi);
}

function rdtsc(c: SystemContext): Status {
  if (isRefused(c)) return generalProtection(c);
  if (c.interceptor?.instruction('rdtsc')) return STATUS.EXIT;
  putTsc(c);
  return STATUS.NEXT;
}

function rdtscp(c: SystemContext): Status {
  if (c.interceptor && !c.interceptor.allowsRdtscp()) return undefinedOpcode(c);
  if (isRefused(c)) return generalProtection(c);
  if (c.interceptor?.instruction('rdtscp')) return STATUS.EXIT;
  putTsc(c);
  c.regs.setGpr32(GPR.RCX, c.regs.lo(MSR_FIELD.TSC_AUX));
  return STATUS.NEXT;
}

/** There are no performance counters (CPUID leaf Ah): every index is refused. */
function rdpmc(c: SystemContext): Status {
  if (c.regs.cpl !== 0 && (c.regs.cr4 & CR4.PCE) === 0) return generalProtection(c);
  if (c.interceptor?.instruction('rdpmc')) return STATUS.EXIT;
  return generalProtection(c);
}

export const TSC_OPERATIONS: Record<string, SystemOperation> = { rdtsc, rdtscp, rdpmc };
