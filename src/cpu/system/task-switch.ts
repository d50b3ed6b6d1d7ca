/**
 * Hardware task switching between 16-bit and 32-bit task-state segments.
 * SDM volume 3A, "Task Management", in particular "Task Switching" and its table of exception conditions.
 */
import { CR0, FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE, SELECTOR, SYSTEM_TYPE } from '../../arch/segments.ts';
import { STATE } from '../state.ts';
import type { SystemContext } from './context.ts';
import { DR6, DR7 } from './debug-registers.ts';
import { type Descriptor, readDescriptor } from './descriptor.ts';
import { faulted, selectorError } from './fault.ts';
import { refresh } from './mode.ts';
import { setCr3 } from './paging-registers.ts';
import { Stack } from './stack.ts';
import { loadTaskSegments } from './task-segments.ts';
import { readTask, TSS16, TSS32, type TssLayout, writeTask } from './task-state.ts';
import { isTss32 } from './tss.ts';

/**
 * How a transfer ended. `fault`: the exception belongs to the instruction, nothing has changed.
 * `fault-in-new-task`: it belongs to the new task, whose state is in the registers.
 */
export type Outcome = 'entered' | 'fault' | 'fault-in-new-task';

export interface TaskSwitch {
  readonly selector: number;
  readonly source: 'call' | 'jmp' | 'iret' | 'gate';
  /** EIP that the old task is to continue at. */
  readonly returnIp: number;
  /** Pushed on the new task's stack; -1: none. */
  readonly errorCode: number;
}

const BUSY = 0x200;

export function switchTask(c: SystemContext, request: TaskSwitch): Outcome {
  const { selector, source } = request;
  const target = newTaskDescriptor(c, selector, source);
  if (!target) return 'fault';
  const layout = (target.type & 8) !== 0 ? TSS32 : TSS16;
  if (target.limit < layout.minimumLimit) return faulted(c, VECTOR.TS, selectorError(c, selector));
  if (c.interceptor?.taskSwitch(selector, source, request.errorCode)) return 'entered';

  const r = c.regs;
  const oldLayout = isTss32(c) ? TSS32 : TSS16;
  const oldBase = r.segmentBase(SEG.TR);
  const nested = source === 'call' || source === 'gate';
  const next = readTask(c, layout, target.base);
  if (!next || !isSwitchPossible(c, oldLayout, oldBase, target)) return 'fault';

  // The point of no return: all memory that the switch writes is known to be writable.
  const oldSelector = r.selector(SEG.TR);
  const oldFlags = source === 'iret' ? r.rflags & ~FLAG.NT : r.rflags;
  writeTask(c, oldLayout, oldBase, request.returnIp, oldFlags);
  if (!nested) setBusy(c, oldSelector, false);
  if (source !== 'iret') setBusy(c, selector, true);
  if (nested) c.memory.write(target.base, 2, oldSelector, 0, true);

  const tr = target.segment(selector);
  r.setSegment(SEG.TR, { ...tr, attributes: tr.attributes | ATTRIBUTE.BUSY });
  r.cr0 |= CR0.TS;
  r.setDr(7, r.lo(STATE.DR + 56) & ~DR7.LOCAL, 0);
  if (next.debugTrap) r.i32[STATE.PENDING_DEBUG >> 2] |= DR6.BT;
  const cr3Valid = next.cr3 === undefined || (r.cr0 & CR0.PG) === 0 || setCr3(c, next.cr3);
  r.rip = next.eip;
  r.rflags = nested ? next.eflags | FLAG.NT : next.eflags;
  for (let n = GPR.RAX; n <= GPR.RDI; n++) {
    if (layout === TSS32) r.setGpr32(n, next.registers[n]);
    else r.setGpr16(n, next.registers[n]);
  }
  const loaded = cr3Valid && loadTaskSegments(c, next);
  refresh(r);
  return loaded && pushErrorCode(c, layout, request.errorCode) ? 'entered' : 'fault-in-new-task';
}

/** Checks on the selector and its descriptor; IRET wants a busy TSS and complains with #TS. */
function newTaskDescriptor(
  c: SystemContext,
  selector: number,
  source: TaskSwitch['source'],
): Descriptor | undefined {
  const vector = source === 'iret' ? VECTOR.TS : VECTOR.GP;
  const d = (selector & SELECTOR.TI) === 0 ? readDescriptor(c, selector, vector) : undefined;
  if (!d) {
    if (selector & SELECTOR.TI) faulted(c, vector, selectorError(c, selector));
    return undefined;
  }
  const wanted: readonly number[] =
    source === 'iret'
      ? [SYSTEM_TYPE.TSS16_BUSY, SYSTEM_TYPE.TSS32_BUSY]
      : [SYSTEM_TYPE.TSS16_AVAILABLE, SYSTEM_TYPE.TSS32_AVAILABLE];
  if (d.isSegment || !wanted.includes(d.type)) faulted(c, vector, selectorError(c, selector));
  else if (!d.present) faulted(c, VECTOR.NP, selectorError(c, selector));
  else return d;
  return undefined;
}

/** Whether everything that the switch writes can be written; a page fault is stored otherwise. */
function isSwitchPossible(
  c: SystemContext,
  oldLayout: TssLayout,
  oldBase: number,
  target: Descriptor,
): boolean {
  const { memory } = c;
  const old = readDescriptor(c, c.regs.selector(SEG.TR), VECTOR.TS);
  return (
    old !== undefined &&
    memory.probeWrite(oldBase, oldLayout.minimumLimit + 1, true) &&
    memory.probeWrite(target.base, 2, true) &&
    memory.probeWrite(target.address, 8, true) &&
    memory.probeWrite(old.address, 8, true)
  );
}

function setBusy(c: SystemContext, selector: number, busy: boolean): void {
  const d = readDescriptor(c, selector, VECTOR.TS);
  if (d) c.memory.write(d.address + 4, 4, busy ? d.hi | BUSY : d.hi & ~BUSY, 0, true);
}

function pushErrorCode(c: SystemContext, layout: TssLayout, errorCode: number): boolean {
  if (errorCode < 0) return true;
  const stack = Stack.current(c);
  if (!stack.push(layout === TSS32 ? 4 : 2, errorCode)) return false;
  stack.commit();
  return true;
}
