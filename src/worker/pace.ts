/** Wall-clock milliseconds between two looks at the messages: each costs up to 0.1 ms in a browser. */
export const SLICE_MS = 8;
/** A slice is made of pieces, so that a guest that turns slow does not stretch it by as much. */
export const PIECES = 8;
const PIECE_MS = SLICE_MS / PIECES;
const SMALLEST = 1_000;
const LARGEST = 50_000_000;

/** Chooses how many instructions a piece of a slice gets, so that it takes about `PIECE_MS`. */
export class PieceSize {
  #instructions = 20_000;

  get instructions(): number {
    return this.#instructions;
  }

  /** Learns from a piece: slowly upwards, at once downwards. Short and idle ones say little about speed. */
  learn(executed: number, ms: number): void {
    if (executed < this.#instructions / 2 && ms < PIECE_MS) return;
    const ideal = (executed * PIECE_MS) / Math.max(ms, 0.05);
    const next = Math.min(this.#instructions * 2, ideal);
    this.#instructions = Math.round(Math.min(LARGEST, Math.max(SMALLEST, next)));
  }
}

/**
 * Keeps idle simulated time from outrunning the wall clock. Work is never slowed down: only time
 * that passed without work is slept off, so that a guest's one-second timer takes a second.
 */
export class IdlePace {
  /** Simulated idle milliseconds not yet slept. */
  #debt = 0;

  /** Notes one slice; returns the milliseconds to sleep before the next (0: go on at once). */
  rest(idleMs: number, sliceMs: number): number {
    this.#debt = Math.max(0, this.#debt + idleMs - sliceMs);
    return this.#debt < 1 ? 0 : Math.min(this.#debt, 50);
  }

  /** A sleep of `ms` has passed. */
  slept(ms: number): void {
    this.#debt = Math.max(0, this.#debt - ms);
  }
}

/** Instructions per wall-clock second over the last half second or so. */
export class Speedometer {
  #since = 0;
  #count = 0;
  #perSecond = 0;

  get perSecond(): number {
    return this.#perSecond;
  }

  start(now: number): void {
    this.#since = now;
    this.#count = 0;
  }

  add(instructions: number, now: number): void {
    this.#count += instructions;
    const elapsed = now - this.#since;
    if (elapsed < 400) return;
    this.#perSecond = (this.#count * 1000) / elapsed;
    this.start(now);
  }

  stop(): void {
    this.#perSecond = 0;
  }
}
