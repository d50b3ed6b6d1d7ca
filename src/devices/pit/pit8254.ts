import { FREQUENCY } from '../../arch/pc.ts';
import type { Clock, Timer } from '../../contracts/clock.ts';
import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { TickRate } from '../rate.ts';
import { restoreTimer, savedTimer } from '../state.ts';
import { PitChannel, type PitChannelState } from './channel.ts';

export interface Pit8254Wires {
  readonly clock: Clock;
  /** OUT of channel 0: IRQ 0. */
  readonly line: InterruptLine;
}

export interface Pit8254State {
  readonly channels: readonly PitChannelState[];
  readonly changeAt: number | null;
}

/**
 * Programmable interval timer 8254: three channels at offsets 0..2, the control word register at 3.
 * Channel 0 drives an interrupt line at each change of its output; channels 1 and 2 cost nothing
 * until somebody looks. The gates of channels 0 and 1 are tied high.
 */
export class Pit8254 implements BusTarget, Device<Pit8254State> {
  readonly widest = 1;
  private readonly clock: Clock;
  private readonly line: InterruptLine;
  private readonly rate: TickRate;
  private readonly timer: Timer;
  private readonly channels = [new PitChannel(true), new PitChannel(true), new PitChannel(false)] as const;

  constructor(wires: Pit8254Wires) {
    this.clock = wires.clock;
    this.line = wires.line;
    this.rate = new TickRate(wires.clock.hz, FREQUENCY.pit);
    this.timer = wires.clock.timer('pit channel 0', () => this.updateLine());
  }

  /** Completed ticks of the timer input. */
  get tick(): number {
    return this.rate.ticks(this.clock.now());
  }

  /** GATE of channel 2, from system control port B. */
  get gate2(): boolean {
    return this.channels[2].gate;
  }

  set gate2(level: boolean) {
    this.channels[2].setGate(this.tick, level);
  }

  /** OUT of channel 2, to the speaker. */
  get output2(): boolean {
    return this.channels[2].output(this.tick);
  }

  read(offset: number): number {
    const channel = this.channels[offset];
    return channel ? channel.readCount(this.tick) : 0xff;
  }

  write(offset: number, _size: number, value: number): void {
    const channel = this.channels[offset];
    if (channel) channel.writeCount(this.tick, value);
    else this.writeControl(value);
    this.updateLine();
  }

  reset(): void {
    for (const channel of this.channels) channel.reset();
    this.updateLine();
  }

  save(): Pit8254State {
    return { channels: this.channels.map((c) => c.save()), changeAt: savedTimer(this.timer) };
  }

  restore(state: Pit8254State): void {
    this.channels.forEach((channel, i) => {
      channel.restore(state.channels[i]);
    });
    restoreTimer(this.timer, state.changeAt);
  }

  private writeControl(value: number): void {
    const select = value >> 6;
    const access = (value >> 4) & 3;
    if (select === 3) this.readBack(value);
    else if (access === 0) this.channels[select].latchCount(this.tick);
    else this.channels[select].writeControl((value >> 1) & 7, access, (value & 1) !== 0);
  }

  /** The read-back command latches what its inverted bits 5 (count) and 4 (status) ask for. */
  private readBack(value: number): void {
    this.channels.forEach((channel, i) => {
      if ((value & (2 << i)) === 0) return;
      if ((value & 0x20) === 0) channel.latchCount(this.tick);
      if ((value & 0x10) === 0) channel.latchStatus(this.tick);
    });
  }

  private updateLine(): void {
    const tick = this.tick;
    const next = this.channels[0].nextChange(tick);
    this.line.set(this.channels[0].output(tick));
    if (next === undefined) this.timer.cancel();
    else this.timer.set(this.rate.cycles(next));
  }
}
