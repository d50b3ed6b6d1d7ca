import { FREQUENCY } from '../../arch/pc.ts';
import type { Clock, Timer } from '../../contracts/clock.ts';
import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { TickRate } from '../rate.ts';
import { copyState, restoreTimer, savedTimer } from '../state.ts';
import { dayOfWeek, fromEpoch, toEpoch } from './calendar.ts';

/** Motorola MC146818A data sheet, "Register Definitions"; the century's place is the PC's. */
const REG = {
  SECOND: 0,
  SECOND_ALARM: 1,
  MINUTE: 2,
  MINUTE_ALARM: 3,
  HOUR: 4,
  HOUR_ALARM: 5,
  WEEKDAY: 6,
  DAY: 7,
  MONTH: 8,
  YEAR: 9,
  A: 10,
  B: 11,
  C: 12,
  D: 13,
  CENTURY: 0x32,
} as const;
const A = { UPDATING: 0x80, DIVIDER: 0x70, DIVIDER_NORMAL: 0x20, RATE: 0x0f } as const;
const B = { SET: 0x80, PERIODIC: 0x40, ALARM: 0x20, UPDATE: 0x10, BINARY: 4, HOURS_24: 2 } as const;
const C = { IRQ: 0x80, PERIODIC: 0x40, ALARM: 0x20, UPDATE: 0x10 } as const;
const D_VALID = 0x80;
const PM = 0x80;
/** UIP is set this many crystal ticks (244 us) before the time changes. */
const UPDATE_NOTICE = 8;
const TIME_REGISTERS: readonly number[] = [0, 2, 4, 6, 7, 8, 9, REG.CENTURY];
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
    if (this.s.running && TIME_REGISTERS.includes(index)) this.showTime();
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
    else if (TIME_REGISTERS.includes(index)) this.writeTime(index, value);
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

  private encode(value: number): number {
    return this.s.bytes[REG.B] & B.BINARY ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  private decode(value: number): number {
    return this.s.bytes[REG.B] & B.BINARY ? value : (value >> 4) * 10 + (value & 15);
  }

  private encodeHour(hour: number): number {
    if (this.s.bytes[REG.B] & B.HOURS_24) return this.encode(hour);
    return this.encode(hour % 12 || 12) | (hour >= 12 ? PM : 0);
  }

  private decodeHour(value: number): number {
    if (this.s.bytes[REG.B] & B.HOURS_24) return this.decode(value);
    return (this.decode(value & ~PM) % 12) + (value & PM ? 12 : 0);
  }

  private showTime(): void {
    const { bytes } = this.s;
    const t = fromEpoch(this.seconds);
    bytes[REG.SECOND] = this.encode(t.second);
    bytes[REG.MINUTE] = this.encode(t.minute);
    bytes[REG.HOUR] = this.encodeHour(t.hour);
    bytes[REG.WEEKDAY] = dayOfWeek(this.seconds);
    bytes[REG.DAY] = this.encode(t.day);
    bytes[REG.MONTH] = this.encode(t.month);
    bytes[REG.YEAR] = this.encode(t.year % 100);
    bytes[REG.CENTURY] = this.encode(Math.floor(t.year / 100));
  }

  private takeTime(): void {
    const { bytes } = this.s;
    this.s.epoch = toEpoch({
      year: this.decode(bytes[REG.CENTURY]) * 100 + this.decode(bytes[REG.YEAR]),
      month: this.decode(bytes[REG.MONTH]),
      day: this.decode(bytes[REG.DAY]),
      hour: this.decodeHour(bytes[REG.HOUR]),
      minute: this.decode(bytes[REG.MINUTE]),
      second: this.decode(bytes[REG.SECOND]),
    });
    this.s.seenSecond = this.s.epoch;
  }

  /** While the clock is stopped the registers are plain memory, taken over when it starts again. */
  private writeTime(index: number, value: number): void {
    if (this.s.running) {
      this.showTime();
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
      this.showTime();
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
      this.showTime();
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
    this.takeTime();
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
        if (this.alarmAt(t)) this.s.flags |= C.ALARM;
      }
      this.s.seenSecond = second;
    }
    const period = this.period;
    if (period > this.s.seenPeriod) this.s.flags |= C.PERIODIC;
    this.s.seenPeriod = period;
  }

  /** Alarm bytes of C0h and above match any time. */
  private alarmAt(seconds: number): boolean {
    const { bytes } = this.s;
    const t = fromEpoch(seconds);
    const matches = (alarm: number, value: number) => alarm >= 0xc0 || alarm === value;
    return (
      matches(bytes[REG.SECOND_ALARM], this.encode(t.second)) &&
      matches(bytes[REG.MINUTE_ALARM], this.encode(t.minute)) &&
      matches(bytes[REG.HOUR_ALARM], this.encodeHour(t.hour))
    );
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
