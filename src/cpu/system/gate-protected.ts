/**
 * Interrupt, trap and task gates of protected mode, entered from protected or virtual-8086 mode.
 * SDM volume 2, "INT n/INTO/INT3/INT1", operation section; volume 3A, "Exception and Interrupt Handling".
 */
import { FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { isNullSelector, SELECTOR, SYSTEM_TYPE } from '../../arch/segments.ts';
import { STATE } from '../state.ts';
import type { SystemContext } from './context.ts';
import { type Descriptor, markAccessed, nullSegment, readDescriptor, stackSegment } from './descriptor.ts';
import { type DeliveredEvent, EVENT_TYPE } from './event.ts';
import { extBit, failed, faulted, idtError, selectorError } from './fault.ts';
import { isVm86, refreshTransfer, segmentation } from './mode.ts';
import { Stack, type StackSize } from './stack.ts';
import { type Outcome, switchTask } from './task-switch.ts';
import { innerStackPointer } from './tss.ts';

/** Types of descriptors that may stand in the IDT: bit n is type n. */
const GATES =
  (1 << SYSTEM_TYPE.TASK_GATE) |
  (1 << SYSTEM_TYPE.INTERRUPT_GATE16) |
  (1 << SYSTEM_TYPE.TRAP_GATE16) |
  (1 << SYSTEM_TYPE.INTERRUPT_GATE32) |
  (1 << SYSTEM_TYPE.TRAP_GATE32);

/** Segment registers of virtual-8086 mode that a handler finds on its stack and null, in the order of the pushes. */
const VM86_DATA = [SEG.GS, SEG.FS, SEG.DS, SEG.ES] as const;

/** INT n, INT3 and INTO may only use gates whose DPL allows the current level; INT1 and hardware events any. */
export const checksGateDpl = (event: DeliveredEvent): boolean =>
  event.type === EVENT_TYPE.SOFTWARE || event.type === EVENT_TYPE.SOFTWARE_EXCEPTION;

export function enterProtectedGate(
  c: SystemContext,
  event: DeliveredEvent,
  flags: number,
  returnIp: number,
): Outcome {
  const r = c.regs;
  const before = segmentation(r);
  const entry = event.vector * 8;
  if (entry + 7 > r.lo(STATE.IDTR + 8)) return invalidGate(c, event);
  if (!c.memory.read((r.address(STATE.IDTR) + entry) >>> 0, 8, true)) return 'fault';
  const { lo, hi } = c.memory;
  const type = (hi >>> 8) & 0x1f;
  const isGate = ((GATES >>> type) & 1) !== 0;
  if (!isGate || (checksGateDpl(event) && ((hi >>> 13) & 3) < r.cpl)) return invalidGate(c, event);
  if ((hi & 0x8000) === 0) return faulted(c, VECTOR.NP, idtError(c, event.vector));
  const selector = lo >>> 16;
  if (type === SYSTEM_TYPE.TASK_GATE) return enterTask(c, selector, event, returnIp);

  const cs = handlerSegment(c, selector);
  if (!cs) return 'fault';
  const is32 = (type & 8) !== 0;
  const ip = is32 ? ((hi & 0xffff_0000) | (lo & 0xffff)) >>> 0 : lo & 0xffff;
  const size = is32 ? 4 : 2;
  const inner = !cs.isConforming && cs.dpl < r.cpl;
  const cpl = inner ? cs.dpl : r.cpl;
  const pointer = inner ? innerStackPointer(c, cpl) : undefined;
  const ss = pointer && stackSegment(c, pointer.selector, cpl, VECTOR.TS, false);
  if (inner && !ss) return 'fault';
  const stack = ss
    ? Stack.target(c, ss, pointer.sp, false, true, selectorError(c, pointer.selector))
    : Stack.current(c);
  if (ip > cs.limit) return faulted(c, VECTOR.GP, extBit(c));
  if (ss && !pushOuterStack(c, stack, size)) return 'fault';
  const pushed =
    stack.push(size, flags) &&
    stack.push(size, r.selector(SEG.CS)) &&
    stack.push(size, returnIp >>> 0) &&
    (event.errorCode < 0 || stack.push(size, event.errorCode));
  if (!pushed || !markAccessed(c, cs)) return 'fault';

  if (isVm86(r)) for (const n of VM86_DATA) r.setSegment(n, nullSegment(0));
  if (ss) r.setSegment(SEG.SS, ss);
  stack.commit();
  r.setSegment(SEG.CS, cs.segment((selector & ~SELECTOR.RPL) | cpl));
  r.cpl = cpl;
  r.rip = ip;
  const masked = (type & 1) === 0 ? FLAG.IF : 0;
  r.systemFlags = r.systemFlags & ~(FLAG.TF | FLAG.NT | FLAG.RF | FLAG.VM | masked);
  refreshTransfer(r, before);
  return 'entered';
}

/** #GP that names the IDT entry. */
export const invalidGate = (c: SystemContext, event: DeliveredEvent): Outcome =>
  faulted(c, VECTOR.GP, idtError(c, event.vector));

/** The handler's code segment, checks done. */
export function handlerSegment(c: SystemContext, selector: number): Descriptor | undefined {
  if (isNullSelector(selector)) {
    failed(c, VECTOR.GP, extBit(c));
    return undefined;
  }
  const d = readDescriptor(c, selector, VECTOR.GP);
  if (!d) return undefined;
  const { cpl } = c.regs;
  // From virtual-8086 mode only a nonconforming handler at level 0 will do.
  const reachable = isVm86(c.regs) ? !d.isConforming && d.dpl === 0 : d.dpl <= cpl;
  if (!d.isCode || d.dpl > cpl) failed(c, VECTOR.GP, selectorError(c, selector));
  else if (!d.present) failed(c, VECTOR.NP, selectorError(c, selector));
  else if (!reachable) failed(c, VECTOR.GP, selectorError(c, selector));
  else return d;
  return undefined;
}

/** SS:ESP of the interrupted program, below GS FS DS ES when that was in virtual-8086 mode. */
function pushOuterStack(c: SystemContext, stack: Stack, size: StackSize): boolean {
  const r = c.regs;
  if (isVm86(r)) for (const n of VM86_DATA) if (!stack.push(size, r.selector(n))) return false;
  return stack.push(size, r.selector(SEG.SS)) && stack.push(size, r.gprLo(GPR.RSP));
}

/** Through a task gate: a nested task, on whose stack the error code is pushed. */
function enterTask(c: SystemContext, selector: number, event: DeliveredEvent, returnIp: number): Outcome {
  return switchTask(c, { selector, source: 'gate', returnIp, errorCode: event.errorCode });
}
