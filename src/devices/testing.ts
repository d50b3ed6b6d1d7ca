/** Stand-ins for the surroundings of a device, for tests. */
import type { Clock, Timer } from '../contracts/clock.ts';
import type { InterruptLine } from '../contracts/device.ts';
import type { InterruptTarget } from '../contracts/interrupts.ts';

interface FakeTimer extends Timer {
  at: number | undefined;
  readonly fire: () => void;
}

/** A clock that moves only when a test says so. Timers due at the same instant fire in the order they were made. */
export class FakeClock implements Clock {
  readonly hz: number;
  private cycle: number;
  private readonly timers: FakeTimer[] = [];

  constructor(hz = 1_000_000_000, start = 0) {
    this.hz = hz;
    this.cycle = start;
  }

  now(): number {
    return this.cycle;
  }

  timer(_name: string, fire: () => void): Timer {
    const timer: FakeTimer = {
      at: undefined,
      fire,
      get when() {
        return timer.at;
      },
      set: (when) => {
        timer.at = when;
      },
      cancel: () => {
        timer.at = undefined;
      },
    };
    this.timers.push(timer);
    return timer;
  }

  /** Lets `cycles` pass, firing what falls due on the way, each at its own instant. */
  advance(cycles: number): void {
    const end = this.cycle + cycles;
    for (let next = this.nextDue(end); next !== undefined; next = this.nextDue(end)) {
      this.cycle = Math.max(this.cycle, next.at ?? 0);
      next.at = undefined;
      next.fire();
    }
    this.cycle = end;
  }

  advanceSeconds(seconds: number): void {
    this.advance(Math.round(seconds * this.hz));
  }

  /** The earliest armed instant. */
  get nextEvent(): number | undefined {
    return this.nextDue(Number.POSITIVE_INFINITY)?.at;
  }

  private nextDue(end: number): FakeTimer | undefined {
    let due: FakeTimer | undefined;
    for (const timer of this.timers) {
      if (timer.at !== undefined && timer.at <= end && (due?.at === undefined || timer.at < due.at))
        due = timer;
    }
    return due;
  }
}

/** Remembers its level and counts rising edges. */
export class FakeLine implements InterruptLine {
  level = false;
  rises = 0;

  set(level: boolean): void {
    if (level && !this.level) this.rises++;
    this.level = level;
  }
}

/** A processor's side of a local APIC that writes down what it is told. */
export class FakeProcessor implements InterruptTarget {
  readonly events: string[] = [];

  interruptRequested(): void {
    this.events.push('interrupt');
  }

  nmi(): void {
    this.events.push('nmi');
  }

  init(): void {
    this.events.push('init');
  }

  startup(vector: number): void {
    this.events.push(`startup ${vector.toString(16)}`);
  }
}
