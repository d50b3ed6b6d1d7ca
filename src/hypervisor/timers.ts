/**
 * Simulated-time alarms for virtual devices, driven by one hardware timer. Each VM has a clock of its
 * own that stands still while the VM is paused: guest cycles = host cycles - offset.
 */
import type { Clock, Timer } from '../contracts/clock.ts';
import type { Stateful } from '../contracts/state.ts';

interface Alarm {
  readonly name: string;
  readonly fire: () => void;
  /** Guest cycles; undefined: idle. */
  when: number | undefined;
}

export interface SavedGuestClock {
  /** Host cycles less guest cycles while it runs. */
  readonly offset: number;
  /** Guest cycle at which it stands still; undefined: it runs. */
  readonly stoppedAt: number | undefined;
}

export class GuestClock implements Clock, Stateful<SavedGuestClock> {
  readonly hz: number;
  private readonly hostNow: () => number;
  private readonly changed: () => void;
  private readonly alarms: Alarm[] = [];
  private offset: number;
  private stoppedAt: number | undefined;
  private nextAlarm: Alarm | undefined;

  /** Starts at 0, stopped. `changed`: the earliest alarm may have moved. */
  constructor(hz: number, hostNow: () => number, changed: () => void) {
    this.hz = hz;
    this.hostNow = hostNow;
    this.changed = changed;
    this.offset = 0;
    this.stoppedAt = 0;
  }

  /** Host cycles less guest cycles. */
  get hostOffset(): number {
    return this.offset;
  }

  get running(): boolean {
    return this.stoppedAt === undefined;
  }

  now(): number {
    return this.stoppedAt ?? this.hostNow() - this.offset;
  }

  run(): void {
    if (this.stoppedAt === undefined) return;
    this.offset = this.hostNow() - this.stoppedAt;
    this.stoppedAt = undefined;
    this.changed();
  }

  stop(): void {
    this.stoppedAt = this.now();
    this.changed();
  }

  timer(name: string, fire: () => void): Timer {
    const alarm: Alarm = { name, fire, when: undefined };
    this.alarms.push(alarm);
    const update = (when: number | undefined): void => {
      if (alarm.when === when) return;
      alarm.when = when;
      this.findNext();
    };
    return {
      set: update,
      cancel: () => update(undefined),
      get when() {
        return alarm.when;
      },
    };
  }

  /** Host cycle of the earliest alarm; Infinity without one or while stopped. */
  get deadline(): number {
    if (this.stoppedAt !== undefined || this.nextAlarm?.when === undefined) return Number.POSITIVE_INFINITY;
    return this.nextAlarm.when + this.offset;
  }

  /** Fires what is due now. Alarms of the same instant fire in the order they were made. */
  fireDue(): void {
    if (this.stoppedAt !== undefined) return;
    for (;;) {
      const alarm = this.nextAlarm;
      if (alarm?.when === undefined || alarm.when > this.now()) return;
      alarm.when = undefined;
      this.findNext();
      alarm.fire();
    }
  }

  /** The alarms are their owners' to put back. */
  save(): SavedGuestClock {
    const { offset, stoppedAt } = this;
    return { offset, stoppedAt };
  }

  restore(saved: SavedGuestClock): void {
    this.offset = saved.offset;
    this.stoppedAt = saved.stoppedAt;
  }

  private findNext(): void {
    let next: Alarm | undefined;
    for (const alarm of this.alarms) {
      if (alarm.when !== undefined && (next?.when === undefined || alarm.when < next.when)) next = alarm;
    }
    this.nextAlarm = next;
    this.changed();
  }
}
