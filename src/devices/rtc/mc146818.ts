import { FREQUENCY } from '../../arch/pc.ts';
import type { Clock, Timer } from '../../contracts/clock.ts';
import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { TickRate } from '../rate.ts';
import { copyState, restoreTimer, savedTimer } from '../state.ts';
import { A, B, C, D_VALID, REG } from './registers.ts';
import { alarmMatches, isTimeRegister, showTime, takeTime } from './time-registers.ts';

/** UIP is set this many crystal ticks (244 us) before the time changes. */
const UPDATE_NOTICE = 8;
const SECONDS_PER_DAY = 86_400;

export interface Mc146818Wires {
  readonly clock: Clock;
  /** IRQ 8. */
  readonly line: InterruptLine;
  /** Seconds since 1970-01-01 UTC at cycle 0. */
  readonly startTime: number;
  /** Contents of the battery-backed bytes 0Eh..7Fh. */
  readonly nvram?: ReadonlyMap<number, number>;
}

export interface Mc146818State {
  index: number;
  bytes: number[];
  /** The clock shows `epoch` from instant `base` (cycles) on; stopped, it keeps showing it. */
  epoch: number;
  base: number;
  running: boolean;
  /** Second and period up to which the flags in register C have been worked out. */
  seenSecond: number;
  seenPeriod: number;
  flags: number;
  eventAt: number | null;
}

/**
 * Real-time clock and CMOS memory: index port at offset 0 (write-only, bit 7 masks NMI on a PC and is
 * ignored here), data port at 1. The time is worked out when read; a timer runs only for interrupts
 * that are enabled. Not modelled: daylight saving, square-wave output.
 */
export class Mc146818 implements BusTarget, Device<Mc146818State> {
  readonly widest = 1;
  private readonly wires: Mc146818Wires;
  private readonly rate: TickRate;
  private readonly timer: Timer;
  private s: Omit<Mc146818State, 'eventAt'>;

  constructor(wires: Mc146818Wires) {
    this.wires = wires;
    this.rate = new TickRate(wires.clock.hz, FREQUENCY.rtc);
    this.timer = wires.clock.timer('rtc', () => this.update());
    this.s = this.powerOn();
  }

  read(offset: number): number {
    if (offset === 0) return 0xff;
    const { index } = this.s;
    if (index === REG.A) return this.s.bytes[REG.A] | (this.updateInProgress ? A.UPDATING : 0);
    if (index === REG.C) return this.readFlags();
    if (this.s.running && isTimeRegister(index)) showTime(this.s.bytes, this.seconds);
    return this.s.bytes[index];
  }

  write(offset: number, _size: number, value: number): void {
    if (offset === 0) {
      this.s.index = value & 0x7f;
      return;
    }
    const { index } = this.s;
    if (index === REG.C || index === REG.D) return;
    this.collect();
    if (index === REG.A) this.writeA(value & ~A.UPDATING);
    else if (index === REG.B) this.writeB(value);
    else if (isTimeRegister(index)) this.writeTime(index, value);
    else this.s.bytes[index] = value;
    this.update();
  }

  /** A reset clears the interrupt enables and flags; time and memory run from the battery. */
  reset(): void {
    this.collect();
    this.s.bytes[REG.B] &= ~(B.PERIODIC | B.ALARM | B.UPDATE);
    this.s.flags = 0;
    this.s.index = 0;
    this.update();
  }

  save(): Mc146818State {
    return { ...copyState(this.s), eventAt: savedTimer(this.timer) };
  }

  restore(state: Mc146818State): void {
    const { eventAt, ...rest } = copyState(state);
    this.s = rest;
    restoreTimer(this.timer, eventAt);
  }

  private powerOn(): Omit<Mc146818State, 'eventAt'> {
    const bytes = new Array<number>(128).fill(0);
    for (const [index, value] of this.wires.nvram ?? []) bytes[index & 0x7f] = value & 0xff;
    bytes[REG.A] = A.DIVIDER_NORMAL | 6;
    bytes[REG.B] = B.HOURS_24;
    bytes[REG.D] = D_VALID;
    const epoch = this.wires.startTime;
    return { index: 0, bytes, epoch, base: 0, running: true, seenSecond: epoch, seenPeriod: 0, flags: 0 };
  }

  /** Seconds since 1970 that the clock shows. */
  private get seconds(): number {
    const { epoch, base, running } = this.s;
    return running ? epoch + Math.floor((this.wires.clock.now() - base) / this.wires.clock.hz) : epoch;
  }

  private get updateInProgress(): boolean {
    if (!this.s.running) return false;
    const { hz } = this.wires.clock;
    const next = this.s.base + (this.seconds - this.s.epoch + 1) * hz;
    return next - this.wires.clock.now() <= this.rate.cycles(UPDATE_NOTICE);
  }

  /** While the clock is stopped the registers are plain memory, taken over when it starts again. */
  private writeTime(index: number, value: number): void {
    if (this.s.running) {
      showTime(this.s.bytes, this.seconds);
      this.stop();
      this.s.bytes[index] = value;
      this.start(this.s.base);
    } else this.s.bytes[index] = value;
  }

  private writeA(value: number): void {
    const released = (this.s.bytes[REG.A] & 0x60) === 0x60 && (value & A.DIVIDER) === A.DIVIDER_NORMAL;
    this.s.bytes[REG.A] = value;
    // The first update comes half a second after the divider chain is released.
    const { hz } = this.wires.clock;
    if (released) this.s.base = this.wires.clock.now() - Math.floor(hz / 2);
    this.s.seenPeriod = this.period;
    this.runIfAllowed();
  }

  private writeB(value: number): void {
    if (value & B.SET && this.s.running) {
      showTime(this.s.bytes, this.seconds);
      this.stop();
    }
    this.s.bytes[REG.B] = value;
    this.runIfAllowed();
  }

  private runIfAllowed(): void {
    const allowed =
      (this.s.bytes[REG.B] & B.SET) === 0 && (this.s.bytes[REG.A] & A.DIVIDER) === A.DIVIDER_NORMAL;
    if (allowed && !this.s.running) this.start(this.s.base);
    else if (!allowed && this.s.running) {
      showTime(this.s.bytes, this.seconds);
      this.stop();
    }
  }

  private stop(): void {
    this.s.epoch = this.seconds;
    this.s.running = false;
  }

  /** Runs on from the registers, with the fraction of the second that has passed since `phase`. */
  private start(phase: number): void {
    const now = this.wires.clock.now();
    this.s.epoch = takeTime(this.s.bytes);
    this.s.seenSecond = this.s.epoch;
    this.s.base = now - ((now - phase) % this.wires.clock.hz);
    this.s.running = true;
  }

  /** Crystal ticks from one periodic interrupt to the next; 0 when off. */
  private get periodTicks(): number {
    const select = this.s.bytes[REG.A] & A.RATE;
    if (select === 0) return 0;
    return select < 3 ? 1 << (select + 6) : 1 << (select - 1);
  }

  private get period(): number {
    const ticks = this.periodTicks;
    return ticks === 0 ? 0 : Math.floor(this.rate.ticks(this.wires.clock.now()) / ticks);
  }

  /** Sets the flags of everything that happened since the last look. */
  private collect(): void {
    const second = this.seconds;
    if (second > this.s.seenSecond) {
      this.s.flags |= C.UPDATE;
      const from = Math.max(this.s.seenSecond + 1, second - SECONDS_PER_DAY + 1);
      for (let t = from; t <= second && !(this.s.flags & C.ALARM); t++) {
        if (alarmMatches(this.s.bytes, t)) this.s.flags |= C.ALARM;
      }
      this.s.seenSecond = second;
    }
    const period = this.period;
    if (period > this.s.seenPeriod) this.s.flags |= C.PERIODIC;
    this.s.seenPeriod = period;
  }

  private readFlags(): number {
    this.collect();
    const value = this.s.flags | (this.requesting ? C.IRQ : 0);
    this.s.flags = 0;
    this.update();
    return value;
  }

  private get requesting(): boolean {
    return (this.s.flags & this.s.bytes[REG.B] & (C.PERIODIC | C.ALARM | C.UPDATE)) !== 0;
  }

  private update(): void {
    this.collect();
    this.wires.line.set(this.requesting);
    const when = Math.min(this.nextSecond(), this.nextPeriod());
    if (Number.isFinite(when)) this.timer.set(when);
    else this.timer.cancel();
  }

  private nextSecond(): number {
    if (!this.s.running || !(this.s.bytes[REG.B] & (B.UPDATE | B.ALARM))) return Number.POSITIVE_INFINITY;
    return this.s.base + (this.s.seenSecond - this.s.epoch + 1) * this.wires.clock.hz;
  }

  private nextPeriod(): number {
    if (!(this.s.bytes[REG.B] & B.PERIODIC) || this.periodTicks === 0) return Number.POSITIVE_INFINITY;
    return this.rate.cycles((this.s.seenPeriod + 1) * this.periodTicks);
  }
}
