/** The computer's simulated time: a queue of timers, and the present instant as the running processor tells it. */
import type { Clock, Timer } from '../contracts/clock.ts';

class QueuedTimer implements Timer {
  readonly name: string;
  readonly fire: () => void;
  when: number | undefined;
  private readonly clock: MachineClock;

  constructor(clock: MachineClock, name: string, fire: () => void) {
    this.clock = clock;
    this.name = name;
    this.fire = fire;
  }

  set(when: number): void {
    this.when = when;
    this.clock.armed(when);
  }

  cancel(): void {
    this.when = undefined;
  }
}

/**
 * Few timers exist and most are armed rarely, so the next one is found by looking at them all, and
 * only after one was armed earlier than the known next or has fired.
 */
export class MachineClock implements Clock {
  readonly hz: number;
  private readonly timers: QueuedTimer[] = [];
  private readonly present: () => number;
  /** Called when a timer is armed for an instant before all others. */
  private readonly onEarlier: (when: number) => void;
  private earliest = Number.POSITIVE_INFINITY;

  constructor(hz: number, present: () => number, onEarlier: (when: number) => void) {
    this.hz = hz;
    this.present = present;
    this.onEarlier = onEarlier;
  }

  now(): number {
    return this.present();
  }

  timer(name: string, fire: () => void): Timer {
    const timer = new QueuedTimer(this, name, fire);
    this.timers.push(timer);
    return timer;
  }

  armed(when: number): void {
    if (when >= this.earliest) return;
    this.earliest = when;
    this.onEarlier(when);
  }

  /** Instant of the next timer; may be earlier than any armed one after a cancellation. Infinity: none. */
  get next(): number {
    return this.earliest;
  }

  /** When time has been set back, and the owners of the timers have put them back. */
  restore(earliest: number): void {
    this.earliest = earliest;
  }

  /** Fires what is due at `now`, in order of instant, then of creation. */
  fireDue(now: number): void {
    for (;;) {
      let due: QueuedTimer | undefined;
      let next = Number.POSITIVE_INFINITY;
      for (const timer of this.timers) {
        const { when } = timer;
        if (when === undefined) continue;
        if (when <= now && (due?.when === undefined || when < due.when)) due = timer;
        if (when > now && when < next) next = when;
      }
      if (!due) {
        this.earliest = next;
        return;
      }
      due.when = undefined;
      due.fire();
    }
  }
}
