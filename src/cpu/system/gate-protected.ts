/**
 * Interrupt, trap and task gates of protected mode, entered from protected or virtual-8086 mode.
 * SDM volume 2, "INT n/INTO/INT3/INT1", operation section; volume 3A, "Exception and Interrupt Handling".
 */
import { FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { isNullSelector, SELECTOR, SYSTEM_TYPE } from '../../arch/segments.ts';
import type { Segment } from '../registers.ts';
import type { SystemContext } from './context.ts';
import { type Descriptor, markAccessed, nullSegment, readDescriptor, stackSegment } from './descriptor.ts';
import { type DeliveredEvent, EVENT_TYPE } from './event.ts';
import { extBit, failed, faulted, idtError, selectorError } from './fault.ts';
import { isVm86, refresh } from './mode.ts';
import { Stack, type StackSize } from './stack.ts';
import { type Outcome, switchTask } from './task-switch.ts';
import { innerStackPointer } from './tss.ts';

const GATES: readonly number[] = [
  SYSTEM_TYPE.TASK_GATE,
  SYSTEM_TYPE.INTERRUPT_GATE16,
  SYSTEM_TYPE.TRAP_GATE16,
  SYSTEM_TYPE.INTERRUPT_GATE32,
  SYSTEM_TYPE.TRAP_GATE32,
];

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
  const { base, limit } = r.idtr;
  const entry = event.vector * 8;
  const invalid = (): Outcome => faulted(c, VECTOR.GP, idtError(c, event.vector));
  if (entry + 7 > limit) return invalid();
  if (!c.memory.read((base + entry) >>> 0, 8, true)) return 'fault';
  const { lo, hi } = c.memory;
  const type = (hi >>> 8) & 0x1f;
  if (!GATES.includes(type)) return invalid();
  if (checksGateDpl(event) && ((hi >>> 13) & 3) < r.cpl) return invalid();
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
  const stack = inner ? innerStack(c, cpl) : { view: Stack.current(c), ss: undefined };
  if (!stack) return 'fault';
  if (ip > cs.limit) return faulted(c, VECTOR.GP, extBit(c));
  const { view, ss } = stack;
  if (ss && !pushOuterStack(c, view, size)) return 'fault';
  const pushed =
    view.push(size, flags) &&
    view.push(size, r.selector(SEG.CS)) &&
    view.push(size, returnIp >>> 0) &&
    (event.errorCode < 0 || view.push(size, event.errorCode));
  if (!pushed || !markAccessed(c, cs)) return 'fault';

  if (isVm86(r)) for (const n of [SEG.GS, SEG.FS, SEG.DS, SEG.ES]) r.setSegment(n, nullSegment(0));
  if (ss) r.setSegment(SEG.SS, ss);
  view.commit();
  r.setSegment(SEG.CS, cs.segment((selector & ~SELECTOR.RPL) | cpl));
  r.cpl = cpl;
  r.rip = ip;
  const masked = (type & 1) === 0 ? FLAG.IF : 0;
  r.systemFlags = r.systemFlags & ~(FLAG.TF | FLAG.NT | FLAG.RF | FLAG.VM | masked);
  refresh(r);
  return 'entered';
}

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

function innerStack(c: SystemContext, cpl: number): { view: Stack; ss: Segment } | undefined {
  const pointer = innerStackPointer(c, cpl);
  if (!pointer) return undefined;
  const ss = stackSegment(c, pointer.selector, cpl, VECTOR.TS, false);
  if (!ss) return undefined;
  return { ss, view: new Stack(c, ss, pointer.sp, false, true, selectorError(c, pointer.selector)) };
}

/** SS:ESP of the interrupted program, below GS FS DS ES when that was in virtual-8086 mode. */
function pushOuterStack(c: SystemContext, view: Stack, size: StackSize): boolean {
  const r = c.regs;
  if (isVm86(r)) {
    for (const n of [SEG.GS, SEG.FS, SEG.DS, SEG.ES]) if (!view.push(size, r.selector(n))) return false;
  }
  return view.push(size, r.selector(SEG.SS)) && view.push(size, r.gprLo(GPR.RSP));
}

/** Through a task gate: a nested task, on whose stack the error code is pushed. */
function enterTask(c: SystemContext, selector: number, event: DeliveredEvent, returnIp: number): Outcome {
  return switchTask(c, { selector, source: 'gate', returnIp, errorCode: event.errorCode });
}
