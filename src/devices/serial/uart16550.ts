import { FREQUENCY } from '../../arch/pc.ts';
import type { Clock, Timer } from '../../contracts/clock.ts';
import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { TickRate } from '../rate.ts';
import { copyState, restoreTimer, savedTimer } from '../state.ts';
import { FCR, FIFO_SIZE, IER, IIR, LCR, LSR, MCR, MSR, TRIGGER_LEVELS } from './registers.ts';

/** Where transmitted bytes go. */
export interface SerialOutput {
  write(byte: number): void;
}

export interface Uart16550Wires {
  readonly clock: Clock;
  readonly line: InterruptLine;
  readonly output: SerialOutput;
  /** The transmitter takes no time: for consoles where the baud rate is of no interest. */
  readonly instantTransmit?: boolean;
}

interface Registers {
  ier: number;
  fcr: number;
  lcr: number;
  mcr: number;
  scratch: number;
  divisor: number;
  /** Error bits of LSR, until it is read. */
  errors: number;
  /** Change bits of MSR, until it is read. */
  modemChanges: number;
  /** The transmitter-empty interrupt waits to be seen. */
  transmitPending: boolean;
  /** Instants at which the holding register or FIFO, and the shift register, are empty. */
  holdingEmptyAt: number;
  shiftEmptyAt: number;
  fifo: number[];
  /** Arrived for us, but not received yet: no room in the FIFO, or the line is still busy with it. */
  incoming: number[];
  /** Four character times without a read: the rest below the trigger level is announced. */
  timedOut: boolean;
}

export interface Uart16550State extends Registers {
  transmitAt: number | null;
  receiveAt: number | null;
  timeoutAt: number | null;
}

const powerOn = (): Registers => ({
  ier: 0,
  fcr: 0,
  lcr: 0,
  mcr: 0,
  scratch: 0,
  divisor: 1,
  errors: 0,
  modemChanges: 0,
  transmitPending: false,
  holdingEmptyAt: 0,
  shiftEmptyAt: 0,
  fifo: [],
  incoming: [],
  timedOut: false,
});

/**
 * UART 16550A with FIFOs: eight byte-wide registers. Output reaches the sink when it is written; the
 * baud rate only decides when the transmitter reports empty, so a program that does not wait loses
 * nothing. Input arrives at the baud rate and waits while the FIFO is full, so it never overruns
 * outside loopback. The interrupt pin passes through OUT2, as on a PC. CTS, DSR and DCD are on.
 * Not modelled: break, parity and framing errors, DMA signals.
 */
export class Uart16550 implements BusTarget, Device<Uart16550State> {
  readonly widest = 1;
  private readonly wires: Uart16550Wires;
  private readonly rate: TickRate;
  private readonly transmitTimer: Timer;
  private readonly receiveTimer: Timer;
  private readonly timeoutTimer: Timer;
  private r = powerOn();

  constructor(wires: Uart16550Wires) {
    this.wires = wires;
    this.rate = new TickRate(wires.clock.hz, FREQUENCY.uart);
    this.transmitTimer = wires.clock.timer('uart transmit', () => this.onTransmitted());
    this.receiveTimer = wires.clock.timer('uart receive', () => this.onArrival());
    this.timeoutTimer = wires.clock.timer('uart timeout', () => this.onTimeout());
  }

  /** Sends bytes to the guest, in order, behind those that still wait. */
  receive(bytes: Iterable<number>): void {
    for (const byte of bytes) this.r.incoming.push(byte & 0xff);
    this.expectArrival();
  }

  read(offset: number): number {
    switch (offset) {
      case 0:
        return this.dlab ? this.r.divisor & 0xff : this.takeReceived();
      case 1:
        return this.dlab ? this.r.divisor >> 8 : this.r.ier;
      case 2:
        return this.readIdentification();
      case 3:
        return this.r.lcr;
      case 4:
        return this.r.mcr;
      case 5:
        return this.readLineStatus();
      case 6:
        return this.readModemStatus();
      default:
        return this.r.scratch;
    }
  }

  write(offset: number, _size: number, value: number): void {
    switch (offset) {
      case 0:
        if (this.dlab) this.r.divisor = (this.r.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case 1:
        if (this.dlab) this.r.divisor = (this.r.divisor & 0xff) | (value << 8);
        else this.writeInterruptEnable(value & 0x0f);
        break;
      case 2:
        this.writeFifoControl(value);
        break;
      case 3:
        this.r.lcr = value;
        break;
      case 4:
        this.writeModemControl(value & 0x1f);
        break;
      case 7:
        this.r.scratch = value;
        break;
      default: // LSR and MSR: factory test only
        break;
    }
    this.updateLine();
  }

  reset(): void {
    this.r = powerOn();
    this.transmitTimer.cancel();
    this.receiveTimer.cancel();
    this.timeoutTimer.cancel();
    this.updateLine();
  }

  save(): Uart16550State {
    return {
      ...copyState(this.r),
      transmitAt: savedTimer(this.transmitTimer),
      receiveAt: savedTimer(this.receiveTimer),
      timeoutAt: savedTimer(this.timeoutTimer),
    };
  }

  restore(state: Uart16550State): void {
    const { transmitAt, receiveAt, timeoutAt, ...registers } = copyState(state);
    this.r = registers;
    restoreTimer(this.transmitTimer, transmitAt);
    restoreTimer(this.receiveTimer, receiveAt);
    restoreTimer(this.timeoutTimer, timeoutAt);
  }

  private get dlab(): boolean {
    return (this.r.lcr & LCR.DLAB) !== 0;
  }

  private get fifoOn(): boolean {
    return (this.r.fcr & FCR.ENABLE) !== 0;
  }

  private get loopback(): boolean {
    return (this.r.mcr & MCR.LOOPBACK) !== 0;
  }

  private get room(): boolean {
    return this.r.fifo.length < (this.fifoOn ? FIFO_SIZE : 1);
  }

  /** Cycles that `bits` bits take on the line. */
  private duration(bits: number): number {
    return this.rate.cycles(bits * 16 * Math.max(1, this.r.divisor));
  }

  private get characterTime(): number {
    const { lcr } = this.r;
    const stop = lcr & LCR.TWO_STOP_BITS ? 2 : 1;
    return this.duration(1 + 5 + (lcr & LCR.WORD_LENGTH) + (lcr & LCR.PARITY ? 1 : 0) + stop);
  }

  private transmit(byte: number): void {
    this.r.transmitPending = false;
    if (this.loopback) this.accept(byte);
    else this.wires.output.write(byte);
    const now = this.wires.clock.now();
    const character = this.wires.instantTransmit ? 0 : this.characterTime;
    const moveToShiftRegister = this.wires.instantTransmit ? 0 : this.duration(1);
    this.r.shiftEmptyAt = Math.max(now, this.r.shiftEmptyAt) + character;
    this.r.holdingEmptyAt = Math.max(now + moveToShiftRegister, this.r.shiftEmptyAt - character);
    this.updateLine();
    this.transmitTimer.set(this.r.holdingEmptyAt);
  }

  private onTransmitted(): void {
    this.r.transmitPending = true;
    this.updateLine();
  }

  private expectArrival(): void {
    if (this.r.incoming.length === 0 || !this.room || this.receiveTimer.when !== undefined) return;
    this.receiveTimer.set(this.wires.clock.now() + this.characterTime);
  }

  private onArrival(): void {
    const byte = this.room ? this.r.incoming.shift() : undefined;
    if (byte !== undefined) this.accept(byte);
    this.expectArrival();
    this.updateLine();
  }

  private accept(byte: number): void {
    if (this.room) this.r.fifo.push(byte);
    else this.r.errors |= LSR.OVERRUN;
    this.restartTimeout();
  }

  private takeReceived(): number {
    const byte = this.r.fifo.shift() ?? 0;
    this.r.timedOut = false;
    this.restartTimeout();
    this.expectArrival();
    this.updateLine();
    return byte;
  }

  private restartTimeout(): void {
    if (this.fifoOn && this.r.fifo.length > 0) {
      this.timeoutTimer.set(this.wires.clock.now() + 4 * this.characterTime);
    } else this.timeoutTimer.cancel();
  }

  private onTimeout(): void {
    this.r.timedOut = true;
    this.updateLine();
  }

  private writeInterruptEnable(value: number): void {
    const switchedOn = value & ~this.r.ier;
    this.r.ier = value;
    if (switchedOn & IER.TRANSMIT_EMPTY && this.holdingEmpty) this.r.transmitPending = true;
  }

  private writeFifoControl(value: number): void {
    const toggled = ((value ^ this.r.fcr) & FCR.ENABLE) !== 0;
    this.r.fcr = value & FCR.ENABLE ? value & (FCR.ENABLE | FCR.TRIGGER) : 0;
    if (toggled || value & FCR.CLEAR_RECEIVE) {
      this.r.fifo = [];
      this.r.timedOut = false;
      this.timeoutTimer.cancel();
      this.expectArrival();
    }
    if (toggled || value & FCR.CLEAR_TRANSMIT) {
      const now = this.wires.clock.now();
      if (this.r.holdingEmptyAt > now) this.transmitTimer.set(now);
      this.r.holdingEmptyAt = Math.min(now, this.r.holdingEmptyAt);
    }
  }

  private writeModemControl(value: number): void {
    const before = this.modemInputs;
    this.r.mcr = value;
    const changed = before ^ this.modemInputs;
    const ringEnded = before & changed & MSR.RI ? MSR.DELTA_RI : 0;
    this.r.modemChanges |= ((changed >> 4) & ~MSR.DELTA_RI) | ringEnded;
  }

  /** MSR[7:4]; in loopback the modem control outputs come back in. */
  private get modemInputs(): number {
    if (!this.loopback) return MSR.CTS | MSR.DSR | MSR.DCD;
    const { mcr } = this.r;
    return (
      (mcr & MCR.RTS ? MSR.CTS : 0) |
      (mcr & MCR.DTR ? MSR.DSR : 0) |
      (mcr & MCR.OUT1 ? MSR.RI : 0) |
      (mcr & MCR.OUT2 ? MSR.DCD : 0)
    );
  }

  private get holdingEmpty(): boolean {
    return this.wires.clock.now() >= this.r.holdingEmptyAt;
  }

  private readLineStatus(): number {
    const status =
      this.r.errors |
      (this.r.fifo.length > 0 ? LSR.DATA_READY : 0) |
      (this.holdingEmpty ? LSR.THR_EMPTY : 0) |
      (this.wires.clock.now() >= this.r.shiftEmptyAt && this.holdingEmpty ? LSR.TRANSMITTER_EMPTY : 0);
    this.r.errors = 0;
    this.updateLine();
    return status;
  }

  private readModemStatus(): number {
    const status = this.modemInputs | this.r.modemChanges;
    this.r.modemChanges = 0;
    this.updateLine();
    return status;
  }

  private readIdentification(): number {
    const cause = this.cause();
    if (cause === IIR.TRANSMIT_EMPTY) {
      this.r.transmitPending = false;
      this.updateLine();
    }
    return cause | (this.fifoOn ? IIR.FIFO_ON : 0);
  }

  /** The pending interrupt of highest priority. */
  private cause(): number {
    const { ier, fifo, fcr } = this.r;
    const trigger = this.fifoOn ? TRIGGER_LEVELS[fcr >> 6] : 1;
    if (ier & IER.LINE_STATUS && this.r.errors & LSR.ERRORS) return IIR.LINE_STATUS;
    if (ier & IER.RECEIVE && fifo.length >= trigger) return IIR.RECEIVE;
    if (ier & IER.RECEIVE && this.r.timedOut) return IIR.TIMEOUT;
    if (ier & IER.TRANSMIT_EMPTY && this.r.transmitPending) return IIR.TRANSMIT_EMPTY;
    if (ier & IER.MODEM_STATUS && this.r.modemChanges) return IIR.MODEM_STATUS;
    return IIR.NONE;
  }

  private updateLine(): void {
    const gate = (this.r.mcr & (MCR.OUT2 | MCR.LOOPBACK)) === MCR.OUT2;
    this.wires.line.set(gate && this.cause() !== IIR.NONE);
  }
}
