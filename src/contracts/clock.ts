/**
 * Simulated time. The unit everywhere is the *cycle* of the computer's time-stamp counter, a
 * non-negative integer held in a JavaScript number (exact up to 2^53). Nothing here or below reads
 * the wall clock: time advances only because the processor executed work, or because an idle
 * machine jumped to its next event.
 */
export interface Clock {
  /** Cycles per simulated second. */
  readonly hz: number;
  /** The current instant in cycles. Exact also in the middle of an instruction's port access. */
  now(): number;
  /** Makes a timer that calls `fire` when its instant is reached. Created once, by a device's constructor. */
  timer(name: string, fire: () => void): Timer;
}

/** A one-shot alarm. Its instant is part of the owner's saved state; the callback is not. */
export interface Timer {
  /** Arms the timer for instant `when` (cycles); an instant that has passed fires at the next boundary. */
  set(when: number): void;
  cancel(): void;
  /** The armed instant, or undefined when idle. */
  readonly when: number | undefined;
}
