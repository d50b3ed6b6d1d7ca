import type { Clock } from '../../contracts/clock.ts';
import type { InterruptTarget } from '../../contracts/interrupts.ts';
import type { ApicBus } from './bus.ts';
import type { LvtState } from './lvt.ts';
import type { PriorityState } from './priority.ts';
import type { ApicTimerState } from './timer.ts';

/** What a local APIC is connected to. */
export interface LocalApicWires {
  readonly clock: Clock;
  readonly bus: ApicBus;
  readonly target: InterruptTarget;
  /** Initial APIC ID. */
  readonly id: number;
  /** The bootstrap processor's. */
  readonly bootstrap: boolean;
  /** INTA cycle of the 8259A pair, for interrupts of delivery mode ExtINT. */
  readonly acknowledgeExternal: () => number;
  /** Time-stamp counter less clock cycles; absent: 0. */
  readonly tscOffset?: () => number;
  /** CPUID's MAXPHYADDR; absent: 52. */
  readonly physicalAddressBits?: number;
}

/** The registers that only hold what was put there. */
export interface PlainRegisters {
  logicalDestination: number;
  destinationFormat: number;
  spurious: number;
  errorStatus: number;
  /** Errors since ESR was last written. */
  newErrors: number;
  icrLow: number;
  icrHigh: number;
  /** An ExtINT message waits for its INTA cycle. */
  externalMessage: boolean;
}

export interface LocalApicState {
  readonly registers: PlainRegisters;
  readonly priority: PriorityState;
  readonly lvt: LvtState;
  readonly timer: ApicTimerState;
  readonly base: { readonly lo: number; readonly hi: number };
}

export const powerOnRegisters = (): PlainRegisters => ({
  logicalDestination: 0,
  destinationFormat: 0xffff_ffff,
  spurious: 0xff,
  errorStatus: 0,
  newErrors: 0,
  icrLow: 0,
  icrHigh: 0,
  externalMessage: false,
});
