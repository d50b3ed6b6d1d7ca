import { EXIT, exitReason, svmReason } from '../../arch/exit-reasons.ts';
import { VECTOR } from '../../arch/registers.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import type { CrossingCause as RecordedCause } from '../../cpu/crossings.ts';
import { EVENT_TYPE } from '../../cpu/system/event.ts';
import type { CrossingCause } from '../../protocol/rings-view.ts';

export interface CauseText {
  readonly cause: CrossingCause;
  /** What tells this crossing from others of its cause; may be empty. */
  readonly detail: string;
}

/** System operations (src/cpu/system) that change the privilege level. */
const INSTRUCTIONS: Readonly<Record<string, CauseText>> = {
  syscall: { cause: 'syscall', detail: '' },
  sysenter: { cause: 'syscall', detail: 'SYSENTER' },
  sysret: { cause: 'sysret', detail: '' },
  sysexit: { cause: 'sysret', detail: 'SYSEXIT' },
  iret: { cause: 'iret', detail: '' },
  int: { cause: 'software-interrupt', detail: '' },
  int1: { cause: 'software-interrupt', detail: 'INT1' },
  int3: { cause: 'software-interrupt', detail: 'INT3' },
  into: { cause: 'software-interrupt', detail: 'INTO' },
};

const VECTOR_NAMES = new Map(Object.entries(VECTOR).map(([name, vector]) => [vector as number, `#${name}`]));

/** A recorded cause in the protocol's words. */
export function causeText(cause: RecordedCause): CauseText {
  switch (cause.kind) {
    case 'instruction':
      return INSTRUCTIONS[cause.name] ?? { cause: 'far-transfer', detail: cause.name };
    case 'event':
      return eventText(cause.type, cause.vector);
    case 'vm-exit':
      if (cause.reason === EXIT.VMCALL) return { cause: 'hypercall', detail: 'VMCALL' };
      if (cause.reason === svmReason(SVM_EXIT.VMMCALL)) return { cause: 'hypercall', detail: 'VMMCALL' };
      return { cause: 'vm-exit', detail: exitReason(cause.reason).name };
    case 'vm-entry':
      return { cause: 'vm-entry', detail: '' };
  }
}

function eventText(type: number, vector: number): CauseText {
  if (type === EVENT_TYPE.EXTERNAL) return { cause: 'interrupt', detail: `vector ${vector}` };
  if (type === EVENT_TYPE.NMI) return { cause: 'interrupt', detail: 'NMI' };
  if (type === EVENT_TYPE.SOFTWARE) return { cause: 'software-interrupt', detail: `INT ${vector}` };
  return { cause: 'exception', detail: VECTOR_NAMES.get(vector) ?? `exception ${vector}` };
}
