/** Interrupts and exceptions as values on their way through the IDT. */

/** Interruption type, numbered as in the VMCS interruption-information fields. SDM volume 3C, "VM-Exit Information Fields". */
export const EVENT_TYPE = {
  EXTERNAL: 0,
  NMI: 2,
  /** Faults, traps and aborts. */
  EXCEPTION: 3,
  /** INT n. */
  SOFTWARE: 4,
  /** INT1. */
  PRIVILEGED_SOFTWARE: 5,
  /** INT3 and INTO. */
  SOFTWARE_EXCEPTION: 6,
} as const;

export type EventType = (typeof EVENT_TYPE)[keyof typeof EVENT_TYPE];

export interface DeliveredEvent {
  readonly type: EventType;
  readonly vector: number;
  /** -1: none. */
  readonly errorCode: number;
  /** Length of the instruction of a software event, which the return address skips; 0 otherwise. */
  readonly length: number;
  /** Linear address of a page fault (goes to CR2); for a debug exception the DR6 bits it sets. */
  readonly detail: number;
}

/** True for INT n, INT1, INT3 and INTO: their delivery checks the gate's DPL (INT1's does not) and saves the next instruction. */
export const isSoftware = (type: EventType): boolean => type >= EVENT_TYPE.SOFTWARE;
