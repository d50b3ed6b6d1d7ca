import type { DeliveredEvent } from './system/event.ts';

/**
 * Hears what a processor does, in the middle of the instruction, without influence on it. Absent, it costs
 * nothing: none of this is on the way of generated code.
 */
export interface ProcessorObserver {
  /** An event is about to enter its handler: no VM exit has taken its place. */
  delivering(event: DeliveredEvent): void;
  /**
   * A system operation has been executed without fault or VM exit.
   * @param name as in src/cpu/system
   */
  executed(name: string): void;
}
