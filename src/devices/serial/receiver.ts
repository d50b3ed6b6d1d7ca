import type { Clock, Timer } from '../../contracts/clock.ts';
import { restoreTimer, savedTimer } from '../state.ts';
import type { LineTiming } from './line-timing.ts';
import { FIFO_SIZE } from './registers.ts';

export interface ReceiverState {
  readonly fifoOn: boolean;
  readonly fifo: number[];
  readonly incoming: number[];
  readonly timedOut: boolean;
  readonly arrivalAt: number | null;
  readonly timeoutAt: number | null;
}

/** Without a read for this many character times, what the FIFO holds is announced. */
const TIMEOUT_CHARACTERS = 4;

/** Receive FIFO, fed at line speed from a queue that waits while it is full. */
export class Receiver {
  private readonly clock: Clock;
  private readonly timing: LineTiming;
  private readonly changed: () => void;
  private readonly arrivalTimer: Timer;
  private readonly timeoutTimer: Timer;
  private isFifoOn = false;
  private fifo: number[] = [];
  /** Sent to us, but not received yet. */
  private incoming: number[] = [];
  private isTimedOut = false;

  constructor(clock: Clock, timing: LineTiming, changed: () => void) {
    this.clock = clock;
    this.timing = timing;
    this.changed = changed;
    this.arrivalTimer = clock.timer('uart receive', () => this.onArrival());
    this.timeoutTimer = clock.timer('uart receive timeout', () => this.onTimeout());
  }

  /** Bytes that can be read. */
  get level(): number {
    return this.fifo.length;
  }

  get timedOut(): boolean {
    return this.isTimedOut;
  }

  get fifoOn(): boolean {
    return this.isFifoOn;
  }

  /** Switching the FIFO on or off empties it. */
  set fifoOn(on: boolean) {
    if (on === this.isFifoOn) return;
    this.isFifoOn = on;
    this.clear();
  }

  /** Queues bytes behind those that still wait. */
  receive(bytes: Iterable<number>): void {
    for (const byte of bytes) this.incoming.push(byte & 0xff);
    this.expectArrival();
  }

  /** A byte comes in now; false when there is no room and it is lost. */
  accept(byte: number): boolean {
    const { hasRoom } = this;
    if (hasRoom) this.fifo.push(byte);
    this.restartTimeout();
    return hasRoom;
  }

  /** The oldest byte, 0 when there is none. */
  take(): number {
    const byte = this.fifo.shift() ?? 0;
    this.isTimedOut = false;
    this.restartTimeout();
    this.expectArrival();
    return byte;
  }

  clear(): void {
    this.fifo = [];
    this.isTimedOut = false;
    this.timeoutTimer.cancel();
    this.expectArrival();
  }

  reset(): void {
    this.isFifoOn = false;
    this.fifo = [];
    this.incoming = [];
    this.isTimedOut = false;
    this.arrivalTimer.cancel();
    this.timeoutTimer.cancel();
  }

  save(): ReceiverState {
    return {
      fifoOn: this.isFifoOn,
      fifo: [...this.fifo],
      incoming: [...this.incoming],
      timedOut: this.isTimedOut,
      arrivalAt: savedTimer(this.arrivalTimer),
      timeoutAt: savedTimer(this.timeoutTimer),
    };
  }

  restore(state: ReceiverState): void {
    this.isFifoOn = state.fifoOn;
    this.fifo = [...state.fifo];
    this.incoming = [...state.incoming];
    this.isTimedOut = state.timedOut;
    restoreTimer(this.arrivalTimer, state.arrivalAt);
    restoreTimer(this.timeoutTimer, state.timeoutAt);
  }

  private get hasRoom(): boolean {
    return this.fifo.length < (this.isFifoOn ? FIFO_SIZE : 1);
  }

  private expectArrival(): void {
    if (this.incoming.length === 0 || !this.hasRoom || this.arrivalTimer.when !== undefined) return;
    this.arrivalTimer.set(this.clock.now() + this.timing.character);
  }

  private onArrival(): void {
    const byte = this.hasRoom ? this.incoming.shift() : undefined;
    if (byte !== undefined) this.accept(byte);
    this.expectArrival();
    this.changed();
  }

  private restartTimeout(): void {
    if (this.isFifoOn && this.fifo.length > 0) {
      this.timeoutTimer.set(this.clock.now() + TIMEOUT_CHARACTERS * this.timing.character);
    } else this.timeoutTimer.cancel();
  }

  private onTimeout(): void {
    this.isTimedOut = true;
    this.changed();
  }
}
