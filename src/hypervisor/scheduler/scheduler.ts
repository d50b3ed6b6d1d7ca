/** Which virtual CPU runs on which physical one. Policies differ; what they are asked does not. */

import type { Stateful } from '../../contracts/state.ts';

/** What a scheduler knows of a virtual CPU. */
export interface Entity {
  /** Share of processor time relative to others; 1024 is the normal one. */
  readonly weight: number;
}

export interface Scheduler<E extends Entity> extends Stateful<unknown> {
  readonly policy: string;
  add(entity: E): void;
  remove(entity: E): void;
  /** It can run from now on. */
  wake(entity: E): void;
  /** It cannot run any more: halted, paused, ended. */
  sleep(entity: E): void;
  /** It has run for so many cycles. */
  ran(entity: E, cycles: number): void;
  /** It lets others go first. */
  yield(entity: E): void;
  /** The one to run next, taken from those that are ready and not running; undefined: none. */
  pick(): E | undefined;
  /** A picked one stops running; it stays ready unless it sleeps. */
  put(entity: E): void;
  /** Whether `running` should make way for one that waits. */
  shouldPreempt(running: E): boolean;
  /** Cycles that a picked one may run while others wait. */
  readonly slice: number;
  /** Ready and not running. */
  readonly waiting: number;
}
