import type { Clock, Timer } from '../../contracts/clock.ts';
import { restoreTimer, savedTimer } from '../state.ts';
import type { LineTiming } from './line-timing.ts';

export interface TransmitterState {
  readonly holdingEmptyAt: number;
  readonly shiftEmptyAt: number;
  readonly pending: boolean;
  readonly timerAt: number | null;
}

/**
 * The transmitter's sense of time. Bytes leave when they are written; this knows until when a real
 * chip would have been busy with them.
 */
export class Transmitter {
  /** The interrupt that reports the holding register or FIFO empty waits to be seen. */
  pending = false;
  private readonly clock: Clock;
  /** Absent: no time at all. */
  private readonly timing: LineTiming | undefined;
  private readonly timer: Timer;
  private holdingEmptyAt = 0;
  private shiftEmptyAt = 0;

  constructor(clock: Clock, timing: LineTiming | undefined, changed: () => void) {
    this.clock = clock;
    this.timing = timing;
    this.timer = clock.timer('uart transmit', () => {
      this.pending = true;
      changed();
    });
  }

  get holdingEmpty(): boolean {
    return this.clock.now() >= this.holdingEmptyAt;
  }

  get idle(): boolean {
    return this.holdingEmpty && this.clock.now() >= this.shiftEmptyAt;
  }

  /** A byte is written. It reaches the shift register a bit time later, or when those before it are out. */
  write(): void {
    const now = this.clock.now();
    const character = this.timing?.character ?? 0;
    this.pending = false;
    this.shiftEmptyAt = Math.max(now, this.shiftEmptyAt) + character;
    this.holdingEmptyAt = Math.max(now + (this.timing?.bit ?? 0), this.shiftEmptyAt - character);
    this.timer.set(this.holdingEmptyAt);
  }

  /** The FIFO is cleared; what is in the shift register goes on. */
  clear(): void {
    const now = this.clock.now();
    if (this.holdingEmptyAt <= now) return;
    this.holdingEmptyAt = now;
    this.timer.set(now);
  }

  reset(): void {
    this.pending = false;
    this.holdingEmptyAt = 0;
    this.shiftEmptyAt = 0;
    this.timer.cancel();
  }

  save(): TransmitterState {
    const { holdingEmptyAt, shiftEmptyAt, pending } = this;
    return { holdingEmptyAt, shiftEmptyAt, pending, timerAt: savedTimer(this.timer) };
  }

  restore(state: TransmitterState): void {
    this.holdingEmptyAt = state.holdingEmptyAt;
    this.shiftEmptyAt = state.shiftEmptyAt;
    this.pending = state.pending;
    restoreTimer(this.timer, state.timerAt);
  }
}
