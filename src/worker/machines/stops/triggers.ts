import { exitReason } from '../../../arch/exit-reasons.ts';
import type { RingCrossing } from '../../../cpu/crossings.ts';
import type { Processor } from '../../../cpu/processor.ts';
import { EVENT_TYPE } from '../../../cpu/system/event.ts';
import { msrName, vectorName } from '../../../protocol/stop-texts.ts';
import type { StopKind, StopTrigger } from '../../../protocol/stops.ts';
import { causeText } from '../crossing-texts.ts';

/** Something that has happened, for stops of one kind. */
export interface Occurrence {
  readonly kind: StopKind;
  readonly matches: (trigger: StopTrigger) => boolean;
  readonly text: string | ((trigger: StopTrigger) => string);
}

function occurrence<K extends StopKind>(
  kind: K,
  text: string,
  matches: (trigger: Extract<StopTrigger, { kind: K }>) => boolean,
): Occurrence {
  return { kind, text, matches: (trigger) => matches(trigger as Extract<StopTrigger, { kind: K }>) };
}

/** Null in a trigger stands for all. */
const isOf = <T>(wanted: T | null, actual: T): boolean => wanted === null || wanted === actual;

/** What a crossing is, for all kinds of stops: an exit may be an access to a port as well. */
export function matchCrossing(processor: Processor, { from, to, cause }: RingCrossing): Occurrence[] {
  const { cause: name, detail } = causeText(cause);
  const crossing = occurrence(
    'crossing',
    `Ring ${from} to ${to}: ${name}${detail === '' ? '' : ` (${detail})`}`,
    (trigger) => isOf(trigger.from, from) && isOf(trigger.to, to),
  );
  if (cause.kind !== 'vm-exit') return [crossing];
  const { reason } = cause;
  const exit = occurrence('vm-exit', `VM exit: ${exitReason(reason).name}`, (trigger) =>
    isOf(trigger.reason, reason),
  );
  return [crossing, exit, ...interceptedBy(processor)];
}

/** What the guest was about to do. */
function interceptedBy(processor: Processor): Occurrence[] {
  const { intercepted } = processor.virtualization;
  switch (intercepted?.kind) {
    case 'hypercall': {
      const { number } = intercepted;
      return [occurrence('hypercall', `Hypercall ${number}`, (trigger) => isOf(trigger.number, number))];
    }
    case 'msr':
      return [msrAccess(intercepted.index, intercepted.write ? 'write' : 'read')];
    case 'port':
      return [matchPort(intercepted.port, intercepted.write ? 'out' : 'in')];
    default:
      return [];
  }
}

const RCX = 1;

export function matchPort(port: number, access: 'in' | 'out'): Occurrence {
  const text = `${access.toUpperCase()} ${access === 'in' ? 'from' : 'to'} port 0x${port.toString(16)}`;
  return occurrence(
    'port',
    text,
    (trigger) => isOf(trigger.port, port) && (trigger.access === 'any' || trigger.access === access),
  );
}

function msrAccess(index: number, access: 'read' | 'write'): Occurrence {
  return occurrence(
    'msr',
    `${access === 'read' ? 'Read' : 'Write'} of ${msrName(index)}`,
    (trigger) => isOf(trigger.index, index) && (trigger.access === 'any' || trigger.access === access),
  );
}

/** @param type one of `EVENT_TYPE` */
export function matchEvent(type: number, vector: number): Occurrence {
  const isException = type === EVENT_TYPE.EXCEPTION || type > EVENT_TYPE.SOFTWARE;
  const name = isException || vector === NMI ? vectorName(vector) : `vector ${vector}`;
  return occurrence('event', `Delivery of ${name}`, (trigger) =>
    trigger.vector === null ? isException : trigger.vector === vector,
  );
}

const NMI = 2;

/** @param name of a system operation that has been executed */
export function matchOperation(processor: Processor, name: string): Occurrence | undefined {
  if (name === 'rdmsr' || name === 'wrmsr') {
    return msrAccess(processor.regs.gprLo(RCX), name === 'rdmsr' ? 'read' : 'write');
  }
  if (name === 'moveToControl' && processor.record.reg === 3) {
    const value = processor.regs.cr3.toString(16);
    return occurrence('cr3', `CR3 loaded with 0x${value}`, () => true);
  }
  return undefined;
}
