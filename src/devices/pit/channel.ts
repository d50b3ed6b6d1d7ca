import { copyState } from '../state.ts';

export interface PitChannelState {
  /** 0..5 as in the data sheet. */
  mode: number;
  /** Bytes of the count that are read and written: 1 low, 2 high, 3 low then high. */
  access: number;
  bcd: boolean;
  gate: boolean;
  /** The count in use, 1..65,536 (10,000 in BCD); 0 before the first one after a control word. */
  count: number;
  /** Tick at which `count` entered the counter; it may lie one ahead. -1 while there is nothing to count. */
  start: number;
  /** Ticks counted when GATE stopped the counter, -1 while it runs. */
  held: number;
  /** A count that waits: for the end of the period (modes 2 and 3, from tick `at`) or for a trigger (1 and 5). */
  next: { count: number; at: number } | null;
  /** Low byte of a two-byte count of which the high one is outstanding, else -1. */
  lowByte: number;
  highNext: boolean;
  latchedCount: number;
  latchedStatus: number;
}

const powerOn = (gate: boolean): PitChannelState => ({
  mode: 3,
  access: 3,
  bcd: false,
  gate,
  count: 0,
  start: -1,
  held: -1,
  next: null,
  lowByte: -1,
  highNext: false,
  latchedCount: -1,
  latchedStatus: -1,
});

const WAITS_FOR_TRIGGER = 0;
const toBcd = (n: number): number =>
  ((Math.floor(n / 1000) % 10) << 12) |
  ((Math.floor(n / 100) % 10) << 8) |
  ((Math.floor(n / 10) % 10) << 4) |
  (n % 10);
const fromBcd = (n: number): number =>
  (n >> 12) * 1000 + ((n >> 8) & 15) * 100 + ((n >> 4) & 15) * 10 + (n & 15);

/**
 * One counter of an 8254 (Intel 8254 data sheet, "Operational Description" and "Mode Definitions").
 * It does not count: it remembers when it was loaded and works out count and output for the tick it
 * is asked about. Ticks are those of the 1.193182 MHz input and never decrease from call to call.
 */
export class PitChannel {
  private readonly gateAtReset: boolean;
  private s: PitChannelState;

  constructor(gateAtReset: boolean) {
    this.gateAtReset = gateAtReset;
    this.s = powerOn(gateAtReset);
  }

  get gate(): boolean {
    return this.s.gate;
  }

  writeControl(mode: number, access: number, bcd: boolean): void {
    this.s = { ...powerOn(this.s.gate), mode: mode > 5 ? mode - 4 : mode, access, bcd };
  }

  writeCount(tick: number, byte: number): void {
    const { access, lowByte } = this.s;
    if (access === 1) this.load(tick, byte);
    else if (access === 2) this.load(tick, byte << 8);
    else if (lowByte < 0) {
      this.s.lowByte = byte;
      if (this.s.mode === 0) this.s.start = -1; // the first byte stops the count
    } else {
      this.s.lowByte = -1;
      this.load(tick, (byte << 8) | lowByte);
    }
  }

  readCount(tick: number): number {
    if (this.s.latchedStatus >= 0) {
      const status = this.s.latchedStatus;
      this.s.latchedStatus = -1;
      return status;
    }
    const value = this.s.latchedCount >= 0 ? this.s.latchedCount : this.registerValue(tick);
    const high = this.s.access === 2 || this.s.highNext;
    this.s.highNext = this.s.access === 3 && !this.s.highNext;
    if (!this.s.highNext) this.s.latchedCount = -1;
    return high ? value >> 8 : value & 0xff;
  }

  latchCount(tick: number): void {
    if (this.s.latchedCount < 0) this.s.latchedCount = this.registerValue(tick);
  }

  latchStatus(tick: number): void {
    if (this.s.latchedStatus >= 0) return;
    this.settle(tick);
    const { mode, access, bcd, start, next } = this.s;
    const notLoaded = next !== null || start < 0 || tick < start;
    this.s.latchedStatus =
      (this.output(tick) ? 0x80 : 0) | (notLoaded ? 0x40 : 0) | (access << 4) | (mode << 1) | (bcd ? 1 : 0);
  }

  setGate(tick: number, level: boolean): void {
    if (level === this.s.gate) return;
    this.settle(tick);
    this.s.gate = level;
    const { mode, start, held } = this.s;
    if (level && (mode === 1 || mode === 5)) this.trigger(tick);
    else if (start < 0 || mode === 1 || mode === 5) return;
    else if (!level) this.s.held = this.elapsed(tick);
    else if (mode === 2 || mode === 3) this.trigger(tick);
    else {
      this.s.start = tick - held;
      this.s.held = -1;
    }
  }

  /** The level of OUT. */
  output(tick: number): boolean {
    this.settle(tick);
    const { mode, count, start, gate } = this.s;
    if (start < 0) return mode !== 0;
    const elapsed = this.elapsed(tick);
    switch (mode) {
      case 0:
      case 1:
        return elapsed >= count;
      case 2:
        return !gate || elapsed % count !== count - 1;
      case 3:
        return !gate || elapsed % count < (count + 1) >> 1;
      default:
        return elapsed !== count;
    }
  }

  /** The next tick after `tick` at which OUT may change, as far as it is known; undefined when it stays. */
  nextChange(tick: number): number | undefined {
    this.settle(tick);
    const { mode, count, start, held, next } = this.s;
    if (start < 0 || held >= 0) return undefined;
    if (count === 1 && (mode === 2 || mode === 3)) return next?.at; // illegal by the data sheet: OUT stays
    const elapsed = this.elapsed(tick);
    const period = start + elapsed - (elapsed % count);
    const candidates: readonly number[] =
      mode < 2
        ? [start + count]
        : mode === 2
          ? [period + count - 1, period + count]
          : mode === 3
            ? [period + ((count + 1) >> 1), period + count]
            : [start + count, start + count + 1];
    return candidates.find((change) => change > tick);
  }

  reset(): void {
    this.s = powerOn(this.gateAtReset);
  }

  save(): PitChannelState {
    return copyState(this.s);
  }

  restore(state: PitChannelState): void {
    this.s = copyState(state);
  }

  private get modulus(): number {
    return this.s.bcd ? 10_000 : 0x1_0000;
  }

  private load(tick: number, raw: number): void {
    this.settle(tick);
    const count = (this.s.bcd ? fromBcd(raw) : raw) || this.modulus;
    const { mode, start, held } = this.s;
    if (mode === 1 || mode === 5) this.s.next = { count, at: WAITS_FOR_TRIGGER };
    else if ((mode === 2 || mode === 3) && start >= 0) {
      this.s.next = { count, at: held >= 0 ? WAITS_FOR_TRIGGER : this.endOfPhase(tick) };
    } else {
      this.s.count = count;
      this.s.start = tick + 1;
      this.s.held = this.s.gate ? -1 : 0;
    }
  }

  /** A rising edge of GATE: the counter takes the latest count at the next tick. */
  private trigger(tick: number): void {
    this.s.count = this.s.next?.count ?? this.s.count;
    this.s.next = null;
    if (this.s.count === 0) return;
    this.s.start = tick + 1;
    this.s.held = -1;
  }

  /** First tick after `tick` at which a new count is taken over: a period's end, in mode 3 also its middle. */
  private endOfPhase(tick: number): number {
    const { mode, count, start } = this.s;
    const position = this.elapsed(tick) % count;
    const half = (count + 1) >> 1;
    const phase = mode === 3 && position < half ? half : count;
    return Math.max(tick, start) - position + phase;
  }

  /** Brings a waiting count into use once its time has come. */
  private settle(tick: number): void {
    const { next, mode, start, count } = this.s;
    if (next === null || next.at === WAITS_FOR_TRIGGER || tick < next.at) return;
    const inLowPhase = mode === 3 && (next.at - start) % count !== 0;
    this.s.count = next.count;
    this.s.start = inLowPhase ? next.at - ((next.count + 1) >> 1) : next.at;
    this.s.next = null;
  }

  private elapsed(tick: number): number {
    return this.s.held >= 0 ? this.s.held : Math.max(0, tick - this.s.start);
  }

  /** The counting element as its register shows it. */
  private registerValue(tick: number): number {
    this.settle(tick);
    const value = this.currentCount(tick) % this.modulus;
    return this.s.bcd ? toBcd(value) : value;
  }

  private currentCount(tick: number): number {
    const { mode, count, start } = this.s;
    if (start < 0) return count;
    const elapsed = this.elapsed(tick);
    if (mode === 2) return count - (elapsed % count);
    if (mode === 3) {
      const position = elapsed % count;
      const half = (count + 1) >> 1;
      return (count & ~1) - 2 * (position < half ? position : position - half);
    }
    return count - (elapsed % this.modulus) + this.modulus;
  }
}
