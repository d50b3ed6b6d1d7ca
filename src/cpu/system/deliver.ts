/**
 * Delivery of interrupts and exceptions: from an event to the first instruction of its handler, to a
 * double fault, or to shutdown.
 *
 * SDM volume 3A, "Interrupt and Exception Handling", "Interrupt 8 - Double Fault Exception (#DF)";
 * volume 2, "INT n/INTO/INT3/INT1 - Call to Interrupt Procedure".
 */
import { FAULTS, FLAG, setOfVectors, VECTOR } from '../../arch/registers.ts';
import { ACTIVITY, FAULT_VM_EXIT, INTERRUPTIBILITY, STATE, STATUS } from '../state.ts';
import type { Status, SystemContext } from './context.ts';
import { skipSingleStep } from './debug.ts';
import { DR6, DR7 } from './debug-registers.ts';
import { type DeliveredEvent, EVENT_TYPE, type EventType } from './event.ts';
import { enterLongGate } from './gate-long.ts';
import { enterProtectedGate } from './gate-protected.ts';
import { enterRealHandler } from './gate-real.ts';
import { isLongMode, isProtected } from './mode.ts';
import type { Outcome } from './task-switch.ts';

/** Whether a set of exceptions holds a vector. */
const has = (set: number, vector: number): boolean => ((set >>> vector) & 1) !== 0;

/** Classes of SDM table "Interrupt and Exception Classes"; everything else is benign. */
const CONTRIBUTORY = setOfVectors(VECTOR.DE, VECTOR.TS, VECTOR.NP, VECTOR.SS, VECTOR.GP);
const PAGE_FAULTS = setOfVectors(VECTOR.PF, VECTOR.VE);

type Class = 'benign' | 'contributory' | 'page-fault' | 'double-fault';

function classOf(event: DeliveredEvent): Class {
  if (event.type !== EVENT_TYPE.EXCEPTION) return 'benign';
  if (event.vector === VECTOR.DF) return 'double-fault';
  if (has(CONTRIBUTORY, event.vector)) return 'contributory';
  return has(PAGE_FAULTS, event.vector) ? 'page-fault' : 'benign';
}

/** What a second exception during the delivery of a first one leads to. */
const CONDITIONS: Record<Class, Record<Class, 'serial' | 'double' | 'triple'>> = {
  benign: { benign: 'serial', contributory: 'serial', 'page-fault': 'serial', 'double-fault': 'serial' },
  contributory: {
    benign: 'serial',
    contributory: 'double',
    'page-fault': 'serial',
    'double-fault': 'serial',
  },
  'page-fault': {
    benign: 'serial',
    contributory: 'double',
    'page-fault': 'double',
    'double-fault': 'serial',
  },
  'double-fault': {
    benign: 'serial',
    contributory: 'triple',
    'page-fault': 'triple',
    'double-fault': 'triple',
  },
};

const DOUBLE_FAULT: DeliveredEvent = {
  type: EVENT_TYPE.EXCEPTION,
  vector: VECTOR.DF,
  errorCode: 0,
  length: 0,
  detail: 0,
};

/** The exception that STATE.FAULT_* describes. */
function pendingException(c: SystemContext): DeliveredEvent {
  const r = c.regs;
  return {
    type: EVENT_TYPE.EXCEPTION,
    vector: r.faultVector,
    errorCode: r.faultError,
    length: 0,
    detail: r.address(STATE.FAULT_ADDRESS),
  };
}

/** Delivers the exception in STATE.FAULT_*, as the run loop does after a FAULT status. */
export function deliverPendingFault(c: SystemContext): Status {
  if (c.regs.faultVector === FAULT_VM_EXIT) return STATUS.FAULT;
  return deliverEvent(c, pendingException(c));
}

/**
 * Delivers an event at the current RIP, with whatever follows from faults on the way. EXIT: done (a
 * handler is entered, a VM exit has been taken, or the processor is shut down). FAULT: the delivery
 * ended in the VM exit that FAULT_VM_EXIT stands for; `c.delivering` keeps the event for its report.
 * `injected`: by a VM entry; the event itself then causes no VM exit and changes neither CR2 nor DR6.
 */
export function deliverEvent(c: SystemContext, first: DeliveredEvent, injected = false): Status {
  const chain = [first];
  let event = first;
  c.delivering = undefined;
  for (;;) {
    if (!(injected && event === first)) {
      if (isException(event) && c.interceptor?.exception(event)) return finished(c);
      recordDetail(c, event);
    }
    c.delivering = event;
    announce(c, event);
    if (enterHandler(c, event) === 'entered') return finished(c);
    if (c.regs.faultVector === FAULT_VM_EXIT) return STATUS.FAULT;

    const next = pendingException(c);
    chain.push(next);
    const condition = CONDITIONS[classOf(event)][classOf(next)];
    if (condition === 'triple') {
      c.delivering = undefined;
      return shutDown(c, chain);
    }
    if (condition === 'serial') {
      event = next;
      continue;
    }
    // A VM exit for the second exception comes before it is merged into a double fault.
    if (c.interceptor?.exception(next)) return finished(c);
    recordDetail(c, next);
    c.delivering = undefined;
    event = DOUBLE_FAULT;
    chain.push(event);
  }
}

function announce(c: SystemContext, event: DeliveredEvent): void {
  c.observer?.delivering(event);
  const { type, vector, errorCode } = event;
  c.recorder?.({ kind: 'delivery', type, vector, errorCode });
}

const isException = (event: DeliveredEvent): boolean =>
  event.type === EVENT_TYPE.EXCEPTION ||
  event.type === EVENT_TYPE.SOFTWARE_EXCEPTION ||
  event.type === EVENT_TYPE.PRIVILEGED_SOFTWARE;

/**
 * INT n, INT3, INTO and INT1 of the current instruction. An exception on the way is the instruction's
 * own fault.
 */
export function softwareInterrupt(c: SystemContext, type: EventType, vector: number): Status {
  const event: DeliveredEvent = { type, vector, errorCode: -1, length: c.record.length, detail: 0 };
  if (isException(event) && c.interceptor?.exception(event)) return STATUS.EXIT;
  c.delivering = event;
  announce(c, event);
  const flagsBefore = c.regs.systemFlags;
  const entry = enterHandler(c, event);
  if (entry !== 'entered' && c.regs.faultVector === FAULT_VM_EXIT) return STATUS.FAULT;
  // A VM exit for an exception on the way reports the software interrupt with it.
  if (entry === 'fault' && c.interceptor?.exception(pendingException(c))) return finished(c);
  c.delivering = undefined;
  if (entry === 'fault-in-new-task') return deliverPendingFault(c);
  if (entry === 'entered') skipSingleStep(c.regs, flagsBefore);
  return entry === 'entered' ? STATUS.EXIT : STATUS.FAULT;
}

function finished(c: SystemContext): Status {
  c.delivering = undefined;
  return STATUS.EXIT;
}

function shutDown(c: SystemContext, chain: readonly DeliveredEvent[]): Status {
  if (c.interceptor?.tripleFault()) return STATUS.EXIT;
  c.regs.activity = ACTIVITY.SHUTDOWN;
  c.stop({ kind: 'triple-fault', chain, rip: c.regs.rip });
  return STATUS.EXIT;
}

/** CR2 and DR6/DR7 change when the exception is known not to cause a VM exit. */
export function recordDetail(c: SystemContext, event: DeliveredEvent): void {
  const r = c.regs;
  if (event.type !== EVENT_TYPE.EXCEPTION) return;
  if (event.vector === VECTOR.PF) r.cr2 = event.detail;
  if (event.vector === VECTOR.DB) {
    r.setDr(6, (r.lo(STATE.DR + 48) & ~DR6.B) | event.detail, 0);
    r.setDr(7, r.lo(STATE.DR + 56) & ~DR7.GD, 0);
  }
}

/** RFLAGS as the handler's frame shows it. */
function savedFlags(c: SystemContext, event: DeliveredEvent): number {
  const flags = c.regs.rflags;
  const isFault =
    event.type === EVENT_TYPE.EXCEPTION &&
    (has(FAULTS, event.vector) || (event.vector === VECTOR.DB && (event.detail & DR6.BD) !== 0));
  return isFault ? flags | FLAG.RF : flags;
}

function enterHandler(c: SystemContext, event: DeliveredEvent): Outcome {
  const r = c.regs;
  const flags = savedFlags(c, event);
  const returnIp = event.length === 0 ? r.rip : r.rip + event.length;
  const enter = !isProtected(r) ? enterRealHandler : isLongMode(r) ? enterLongGate : enterProtectedGate;
  const outcome = enter(c, event, flags, returnIp);
  if (outcome !== 'entered') return outcome;
  const nmiBlocking = r.interruptibility & INTERRUPTIBILITY.NMI;
  r.interruptibility = event.type === EVENT_TYPE.NMI ? INTERRUPTIBILITY.NMI : nmiBlocking;
  r.activity = ACTIVITY.ACTIVE;
  return 'entered';
}
