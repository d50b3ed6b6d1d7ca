/** Far RET and IRET. SDM volume 2, "RET", "IRET/IRETD/IRETQ - Interrupt Return". */
import { FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { SELECTOR, VM86_ATTRIBUTES } from '../../arch/segments.ts';
import { signedNumber } from '../number64.ts';
import type { Segment } from '../registers.ts';
import { INTERRUPTIBILITY, STATUS } from '../state.ts';
import { enterCode, isTargetIp, isWide, returnSegment } from './code-segment.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { deliverPendingFault } from './deliver.ts';
import {
  type Descriptor,
  dropInaccessibleSegments,
  markAccessed,
  realModeSegment,
  stackSegment,
} from './descriptor.ts';
import { generalProtection } from './fault.ts';
import { loadableFlags } from './flags.ts';
import { is64Bit, isLongMode, isVm86, refresh, usesDescriptors } from './mode.ts';
import { nextIp, operandSize } from './operand.ts';
import { Stack, type StackSize } from './stack.ts';
import { switchTask } from './task-switch.ts';

export const FAR_RETURNS: Record<string, SystemOperation> = {
  farReturn: (c) => farReturn(c, 0),
  farReturnRelease: (c) => farReturn(c, c.record.immediateLo & 0xffff),
  iret,
};

/** The value just popped as a number of the operand's size. */
const popped = (c: SystemContext, size: StackSize): number =>
  size === 8 ? signedNumber(c.memory.lo, c.memory.hi) : c.memory.lo;

function farReturn(c: SystemContext, release: number): Status {
  const r = c.regs;
  const size = (operandSize(c) / 8) as StackSize;
  const stack = Stack.current(c);
  if (!stack.pop(size)) return STATUS.FAULT;
  const ip = popped(c, size);
  if (!stack.pop(size)) return STATUS.FAULT;
  const selector = c.memory.lo & 0xffff;
  if (!usesDescriptors(r)) {
    stack.release(release);
    return returnToRealMode(c, stack, selector, ip);
  }
  const cs = returnSegment(c, selector);
  if (!cs || !isTargetIp(c, cs, ip)) return STATUS.FAULT;
  stack.release(release);
  const cpl = selector & SELECTOR.RPL;
  const outer = cpl > r.cpl ? popOuterStack(c, stack, cs, cpl, size) : undefined;
  if ((cpl > r.cpl && !outer) || !markAccessed(c, cs)) return STATUS.FAULT;
  if (outer) loadOuterStack(c, outer, cpl, release);
  else stack.commit();
  enterCode(r, cs, cpl, ip);
  return STATUS.EXIT;
}

function returnToRealMode(c: SystemContext, stack: Stack, selector: number, ip: number): Status {
  const cs = realModeSegment(c, SEG.CS, selector);
  if (ip > cs.limit) return generalProtection(c);
  stack.commit();
  c.regs.setSegment(SEG.CS, cs);
  c.regs.rip = ip;
  refresh(c.regs);
  return STATUS.EXIT;
}

interface OuterStack {
  readonly ss: Segment;
  readonly sp: number;
  readonly size: StackSize;
}

/** Pops (E/R)SP and SS of the level `cpl` that the transfer returns to. */
function popOuterStack(
  c: SystemContext,
  stack: Stack,
  cs: Descriptor,
  cpl: number,
  size: StackSize,
): OuterStack | undefined {
  if (!stack.pop(size)) return undefined;
  const sp = popped(c, size);
  if (!stack.pop(size)) return undefined;
  const ss = stackSegment(c, c.memory.lo & 0xffff, cpl, VECTOR.GP, isWide(c, cs) && cpl < 3);
  return ss && { ss, sp, size };
}

/** Loads SS:SP of the outer level and gives up the segments that it may not use. */
function loadOuterStack(c: SystemContext, outer: OuterStack, cpl: number, release: number): void {
  const r = c.regs;
  const leavesLevel = cpl > r.cpl;
  r.setSegment(SEG.SS, outer.ss);
  const wide = outer.size === 8;
  const stack = Stack.target(c, outer.ss, outer.sp, wide, false, 0);
  stack.release(release);
  stack.commit();
  if (leavesLevel) dropInaccessibleSegments(r, cpl);
}

function iret(c: SystemContext): Status {
  const r = c.regs;
  if (c.interceptor?.instruction('iret')) return STATUS.EXIT;
  if (c.interceptor?.iretUnblocksNmi() ?? true) r.interruptibility &= ~INTERRUPTIBILITY.NMI;
  if (isVm86(r) && r.iopl < 3) return generalProtection(c);
  if (usesDescriptors(r) && (r.systemFlags & FLAG.NT) !== 0) return returnFromTask(c);

  const size = (operandSize(c) / 8) as StackSize;
  const stack = Stack.current(c);
  if (!stack.pop(size)) return STATUS.FAULT;
  const ip = popped(c, size);
  if (!stack.pop(size)) return STATUS.FAULT;
  const selector = c.memory.lo & 0xffff;
  if (!stack.pop(size)) return STATUS.FAULT;
  const flags = c.memory.lo;

  if (!usesDescriptors(r)) {
    const merged = loadableFlags(r, flags, size);
    const status = returnToRealMode(c, stack, selector, ip);
    if (status === STATUS.EXIT) r.rflags = merged;
    return status;
  }
  if (flags & FLAG.VM && r.cpl === 0 && !isLongMode(r) && size === 4) {
    return returnToVm86(c, stack, selector, ip, flags);
  }
  return returnToProtected(c, stack, { selector, ip, flags, size });
}

interface ReturnFrame {
  readonly selector: number;
  readonly ip: number;
  readonly flags: number;
  readonly size: StackSize;
}

function returnToProtected(c: SystemContext, stack: Stack, frame: ReturnFrame): Status {
  const r = c.regs;
  const cs = returnSegment(c, frame.selector);
  if (!cs || !isTargetIp(c, cs, frame.ip)) return STATUS.FAULT;
  const cpl = frame.selector & SELECTOR.RPL;
  // 64-bit mode always pops SS:RSP.
  const popsStack = is64Bit(r) || cpl > r.cpl;
  const outer = popsStack ? popOuterStack(c, stack, cs, cpl, frame.size) : undefined;
  if ((popsStack && !outer) || !markAccessed(c, cs)) return STATUS.FAULT;
  const merged = loadableFlags(r, frame.flags, frame.size);
  if (outer) loadOuterStack(c, outer, cpl, 0);
  else stack.commit();
  r.rflags = merged;
  enterCode(r, cs, cpl, frame.ip);
  return STATUS.EXIT;
}

/** IRETD at level 0 with VM = 1 in the popped EFLAGS. */
function returnToVm86(c: SystemContext, stack: Stack, cs: number, ip: number, flags: number): Status {
  const r = c.regs;
  const values: number[] = [];
  for (let i = 0; i < 6; i++) {
    if (!stack.pop(4)) return STATUS.FAULT;
    values.push(c.memory.lo);
  }
  const [sp, ss, es, ds, fs, gs] = values;
  if (ip > 0xffff) return generalProtection(c);
  r.rflags = flags;
  r.cpl = 3;
  r.rip = ip;
  r.setGpr32(GPR.RSP, sp);
  for (const [n, value] of [es, cs, ss, ds, fs, gs].entries()) {
    const selector = value & 0xffff;
    r.setSegment(n, { selector, attributes: VM86_ATTRIBUTES, limit: 0xffff, base: selector << 4 });
  }
  refresh(r);
  return STATUS.EXIT;
}

/** IRET with EFLAGS.NT = 1: back to the task that the TSS links to. */
function returnFromTask(c: SystemContext): Status {
  const r = c.regs;
  if (isLongMode(r)) return generalProtection(c);
  if (!c.memory.read(r.segmentBase(SEG.TR), 2, true)) return STATUS.FAULT;
  const selector = c.memory.lo;
  const outcome = switchTask(c, { selector, source: 'iret', returnIp: nextIp(c), errorCode: -1 });
  if (outcome === 'fault-in-new-task') return deliverPendingFault(c);
  return outcome === 'entered' ? STATUS.EXIT : STATUS.FAULT;
}
