/** Far JMP and CALL, direct and through call gates, TSS descriptors and task gates. SDM volume 2, "CALL", "JMP". */
import { GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE, isNullSelector, SELECTOR, SYSTEM_TYPE } from '../../arch/segments.ts';
import { signedNumber } from '../number64.ts';
import { STATUS } from '../state.ts';
import { readSegment } from './access.ts';
import { enterCode, isDirectTarget, isTargetIp, isUsable } from './code-segment.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { deliverPendingFault } from './deliver.ts';
import {
  type Descriptor,
  markAccessed,
  nullStack,
  readDescriptor,
  readUpperBase,
  realModeSegment,
  stackSegment,
} from './descriptor.ts';
import { fault, generalProtection, selectorError } from './fault.ts';
import { isLongMode, refresh, usesDescriptors } from './mode.ts';
import { nextIp, operandSize } from './operand.ts';
import { Stack, type StackSize } from './stack.ts';
import { switchTask } from './task-switch.ts';
import { innerStackPointer, wideStackPointer } from './tss.ts';

type Kind = 'jmp' | 'call';

/** JMP/CALL ptr16:16, ptr16:32: the selector stands in the record's displacement. */
const direct =
  (kind: Kind): SystemOperation =>
  (c) =>
    transfer(c, kind, c.record.displacement & 0xffff, c.record.immediateLo);

/** JMP/CALL m16:16, m16:32, m16:64. */
const indirect =
  (kind: Kind): SystemOperation =>
  (c) => {
    const { record, memory } = c;
    const bytes = (operandSize(c) / 8) as StackSize;
    const at = record.offset;
    if (!readSegment(c, record.segment, at, bytes)) return STATUS.FAULT;
    const offset = bytes === 8 ? signedNumber(memory.lo, memory.hi) : memory.lo;
    if (!readSegment(c, record.segment, at + bytes, 2)) return STATUS.FAULT;
    return transfer(c, kind, memory.lo, offset);
  };

export const FAR_BRANCHES: Record<string, SystemOperation> = {
  farJumpDirect: direct('jmp'),
  farCallDirect: direct('call'),
  farJumpIndirect: indirect('jmp'),
  farCallIndirect: indirect('call'),
};

function transfer(c: SystemContext, kind: Kind, selector: number, offset: number): Status {
  if (!usesDescriptors(c.regs)) return realModeTransfer(c, kind, selector, offset);
  if (isNullSelector(selector)) return generalProtection(c);
  const d = readDescriptor(c, selector, VECTOR.GP);
  if (!d) return STATUS.FAULT;
  return d.isSegment ? toSegment(c, kind, d, offset) : throughSystemDescriptor(c, kind, d);
}

function realModeTransfer(c: SystemContext, kind: Kind, selector: number, offset: number): Status {
  const r = c.regs;
  const size = operandSize(c) === 32 ? 4 : 2;
  const ip = size === 4 ? offset >>> 0 : offset & 0xffff;
  const cs = realModeSegment(c, SEG.CS, selector);
  const stack = Stack.current(c);
  if (kind === 'call' && !pushReturn(c, stack, size)) return STATUS.FAULT;
  if (ip > cs.limit) return generalProtection(c);
  stack.commit();
  r.setSegment(SEG.CS, cs);
  r.rip = ip;
  refresh(r);
  return STATUS.EXIT;
}

const pushReturn = (c: SystemContext, stack: Stack, size: StackSize): boolean =>
  stack.push(size, c.regs.selector(SEG.CS)) && stack.pushNumber(size, nextIp(c));

function toSegment(c: SystemContext, kind: Kind, d: Descriptor, offset: number): Status {
  const r = c.regs;
  if (!isDirectTarget(c, d)) return STATUS.FAULT;
  const size = (operandSize(c) / 8) as StackSize;
  const ip = size === 2 ? offset & 0xffff : size === 4 ? offset >>> 0 : offset;
  if (!isTargetIp(c, d, ip)) return STATUS.FAULT;
  const stack = Stack.current(c);
  if (kind === 'call' && !pushReturn(c, stack, size)) return STATUS.FAULT;
  if (!markAccessed(c, d)) return STATUS.FAULT;
  if (kind === 'call') stack.commit();
  enterCode(r, d, r.cpl, ip);
  return STATUS.EXIT;
}

function throughSystemDescriptor(c: SystemContext, kind: Kind, d: Descriptor): Status {
  const wide = isLongMode(c.regs);
  const isGate = d.type === SYSTEM_TYPE.CALL_GATE32 || (!wide && d.type === SYSTEM_TYPE.CALL_GATE16);
  const isTss = !wide && (d.type === SYSTEM_TYPE.TSS16_AVAILABLE || d.type === SYSTEM_TYPE.TSS32_AVAILABLE);
  const isTaskGate = !wide && d.type === SYSTEM_TYPE.TASK_GATE;
  const reachable = d.dpl >= c.regs.cpl && d.dpl >= (d.selector & SELECTOR.RPL);
  if (!(isGate || isTss || isTaskGate) || !reachable) {
    return fault(c, VECTOR.GP, selectorError(c, d.selector));
  }
  if (!d.present) return fault(c, VECTOR.NP, selectorError(c, d.selector));
  if (isGate) return throughCallGate(c, kind, d);
  const outcome = switchTask(c, {
    selector: isTaskGate ? d.lo >>> 16 : d.selector,
    source: kind,
    returnIp: nextIp(c),
    errorCode: -1,
  });
  if (outcome === 'fault-in-new-task') return deliverPendingFault(c);
  return outcome === 'entered' ? STATUS.EXIT : STATUS.FAULT;
}

function throughCallGate(c: SystemContext, kind: Kind, gate: Descriptor): Status {
  const r = c.regs;
  const wide = isLongMode(r);
  const upper = wide ? readUpperBase(c, gate, VECTOR.GP) : 0;
  if (upper === undefined) return STATUS.FAULT;
  const selector = gate.lo >>> 16;
  if (isNullSelector(selector)) return generalProtection(c);
  const cs = readDescriptor(c, selector, VECTOR.GP);
  if (!cs) return STATUS.FAULT;
  const inner = kind === 'call' && !cs.isConforming && cs.dpl < r.cpl;
  const privileged = inner || (cs.isConforming ? cs.dpl <= r.cpl : cs.dpl === r.cpl);
  const is64 = (cs.attributes & (ATTRIBUTE.L | ATTRIBUTE.DB)) === ATTRIBUTE.L;
  if (!isUsable(c, cs, cs.isCode && privileged && (!wide || is64))) return STATUS.FAULT;

  const low = gate.lo & 0xffff;
  const is32 = gate.type === SYSTEM_TYPE.CALL_GATE32;
  const ip = is32 ? signedNumber((gate.hi & 0xffff_0000) | low, wide ? upper : 0) : low;
  if (!isTargetIp(c, cs, ip)) return STATUS.FAULT;
  const size = wide ? 8 : is32 ? 4 : 2;
  if (inner) return callInnerLevel(c, cs, ip, size, gate.hi & 0x1f);
  const stack = wide ? wideStack(c, r.gpr(GPR.RSP), false) : Stack.current(c);
  if (kind === 'call' && !pushReturn(c, stack, size)) return STATUS.FAULT;
  if (!markAccessed(c, cs)) return STATUS.FAULT;
  if (kind === 'call') stack.commit();
  enterCode(r, cs, r.cpl, ip);
  return STATUS.EXIT;
}

const wideStack = (c: SystemContext, sp: number, supervisor: boolean): Stack =>
  Stack.target(c, c.regs.segment(SEG.SS), sp, true, supervisor, 0);

/** A call gate to a more privileged level: switches to that level's stack and copies `count` parameters. */
function callInnerLevel(
  c: SystemContext,
  cs: Descriptor,
  ip: number,
  size: StackSize,
  count: number,
): Status {
  const r = c.regs;
  const cpl = cs.dpl;
  const target = size === 8 ? innerWideStack(c, cpl) : innerStack(c, cpl);
  if (!target) return STATUS.FAULT;
  const { stack, ss } = target;
  if (!stack.push(size, r.selector(SEG.SS)) || !stack.push(size, r.gprLo(GPR.RSP), r.gprHi(GPR.RSP))) {
    return STATUS.FAULT;
  }
  if (size !== 8 && !copyParameters(c, stack, size, count)) return STATUS.FAULT;
  if (!pushReturn(c, stack, size) || !markAccessed(c, cs)) return STATUS.FAULT;
  r.setSegment(SEG.SS, ss);
  stack.commit();
  enterCode(r, cs, cpl, ip);
  return STATUS.EXIT;
}

function innerStack(c: SystemContext, cpl: number) {
  const pointer = innerStackPointer(c, cpl);
  const ss = pointer && stackSegment(c, pointer.selector, cpl, VECTOR.TS, false);
  if (!ss) return undefined;
  return { ss, stack: Stack.target(c, ss, pointer.sp, false, true, selectorError(c, pointer.selector)) };
}

function innerWideStack(c: SystemContext, cpl: number) {
  const sp = wideStackPointer(c, 0, cpl);
  return sp === undefined ? undefined : { ss: nullStack(cpl, cpl), stack: wideStack(c, sp, true) };
}

/** Parameters keep their order: the one pushed last ends up on top. */
function copyParameters(c: SystemContext, stack: Stack, size: StackSize, count: number): boolean {
  const old = Stack.current(c);
  const values: number[] = [];
  for (let i = 0; i < count; i++) {
    if (!old.pop(size)) return false;
    values.push(c.memory.lo);
  }
  return values.reverse().every((value) => stack.push(size, value));
}
