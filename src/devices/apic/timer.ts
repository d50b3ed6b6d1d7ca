import type { Clock, Timer } from '../../contracts/clock.ts';
import { restoreTimer, savedTimer } from '../state.ts';

/** LVT timer mode, bits 18:17. */
const TIMER_MODE = { ONE_SHOT: 0, PERIODIC: 1, TSC_DEADLINE: 2 } as const;

export interface ApicTimerState {
  readonly mode: number;
  readonly divide: number;
  readonly initialCount: number;
  readonly start: number;
  readonly deadlineLow: number;
  readonly deadlineHigh: number;
  readonly expiresAt: number | null;
}

/** Divide configuration, bits 3, 1 and 0, to divisor: 2, 4 .. 128, 1. */
const divisor = (divide: number): number => 1 << ((((divide & 3) | ((divide >> 1) & 4)) + 1) & 7);

/**
 * The local APIC's timer (Intel SDM volume 3A, "APIC Timer"). Its input clock is the time-stamp
 * counter's. It runs while its alarm is armed.
 */
export class ApicTimer {
  private readonly clock: Clock;
  private readonly expired: () => void;
  private readonly tscOffset: () => number;
  private readonly alarm: Timer;
  private mode: number = TIMER_MODE.ONE_SHOT;
  private divideValue = 0;
  private initialCountValue = 0;
  /** Instant at which the count was last loaded. */
  private start = 0;
  private deadline = { lo: 0, hi: 0 };

  /** @param tscOffset What to add to the clock's cycles to get the time-stamp counter as software sees it. */
  constructor(clock: Clock, expired: () => void, tscOffset: () => number) {
    this.clock = clock;
    this.expired = expired;
    this.tscOffset = tscOffset;
    this.alarm = clock.timer('local APIC timer', () => this.onAlarm());
  }

  get divide(): number {
    return this.divideValue;
  }

  /** The remaining count goes on at the new speed. */
  set divide(value: number) {
    const remaining = this.currentCount;
    this.divideValue = value;
    if (remaining === 0) return;
    this.start = this.clock.now() - (this.initialCountValue - remaining) * divisor(value);
    this.alarm.set(this.start + this.period);
  }

  get initialCount(): number {
    return this.initialCountValue;
  }

  /** Starts the timer; 0 stops it. Ignored in TSC-deadline mode. */
  set initialCount(value: number) {
    if (this.mode === TIMER_MODE.TSC_DEADLINE) return;
    this.initialCountValue = value;
    this.start = this.clock.now();
    if (value === 0) this.alarm.cancel();
    else this.alarm.set(this.start + this.period);
  }

  get currentCount(): number {
    if (this.mode === TIMER_MODE.TSC_DEADLINE || this.alarm.when === undefined) return 0;
    const elapsed = Math.floor((this.clock.now() - this.start) / divisor(this.divideValue));
    const { initialCountValue } = this;
    if (this.mode === TIMER_MODE.PERIODIC) return initialCountValue - (elapsed % initialCountValue);
    return Math.max(0, initialCountValue - elapsed);
  }

  /** Follows bits 18:17 of the LVT entry. Going to or from TSC-deadline mode disarms the timer. */
  setMode(mode: number): void {
    const disarm = (mode === TIMER_MODE.TSC_DEADLINE) !== (this.mode === TIMER_MODE.TSC_DEADLINE);
    this.mode = mode;
    if (!disarm) return;
    this.alarm.cancel();
    this.initialCountValue = 0;
    this.deadline = { lo: 0, hi: 0 };
  }

  /** IA32_TSC_DEADLINE; 0 when disarmed. */
  readDeadline(): { lo: number; hi: number } {
    return { ...this.deadline };
  }

  /** Arms the timer for a value of the time-stamp counter, 0 disarms it. Ignored in the other modes. */
  writeDeadline(lo: number, hi: number): void {
    if (this.mode !== TIMER_MODE.TSC_DEADLINE) return;
    this.deadline = { lo: lo >>> 0, hi: hi >>> 0 };
    this.armDeadline();
  }

  /** The time-stamp counter was written: the deadline is at another instant now. */
  tscChanged(): void {
    if (this.mode === TIMER_MODE.TSC_DEADLINE) this.armDeadline();
  }

  reset(): void {
    this.alarm.cancel();
    this.mode = TIMER_MODE.ONE_SHOT;
    this.divideValue = 0;
    this.initialCountValue = 0;
    this.start = 0;
    this.deadline = { lo: 0, hi: 0 };
  }

  save(): ApicTimerState {
    return {
      mode: this.mode,
      divide: this.divideValue,
      initialCount: this.initialCountValue,
      start: this.start,
      deadlineLow: this.deadline.lo,
      deadlineHigh: this.deadline.hi,
      expiresAt: savedTimer(this.alarm),
    };
  }

  restore(state: ApicTimerState): void {
    this.mode = state.mode;
    this.divideValue = state.divide;
    this.initialCountValue = state.initialCount;
    this.start = state.start;
    this.deadline = { lo: state.deadlineLow, hi: state.deadlineHigh };
    restoreTimer(this.alarm, state.expiresAt);
  }

  private get period(): number {
    return this.initialCountValue * divisor(this.divideValue);
  }

  private armDeadline(): void {
    const { lo, hi } = this.deadline;
    const when = hi * 2 ** 32 + lo - this.tscOffset();
    // An instant beyond the clock's range never comes.
    if ((lo === 0 && hi === 0) || when > Number.MAX_SAFE_INTEGER) this.alarm.cancel();
    else this.alarm.set(Math.max(when, this.clock.now()));
  }

  private onAlarm(): void {
    if (this.mode === TIMER_MODE.PERIODIC) {
      const missed = Math.floor((this.clock.now() - this.start) / this.period);
      this.start += Math.max(1, missed) * this.period;
      this.alarm.set(this.start + this.period);
    }
    this.deadline = { lo: 0, hi: 0 };
    this.expired();
  }
}
