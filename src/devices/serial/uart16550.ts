import type { Clock } from '../../contracts/clock.ts';
import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { LineTiming } from './line-timing.ts';
import { Receiver, type ReceiverState } from './receiver.ts';
import { FCR, IER, IIR, LCR, LSR, MCR, MSR, TRIGGER_LEVELS } from './registers.ts';
import { Transmitter, type TransmitterState } from './transmitter.ts';

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
}

export interface Uart16550State extends Registers {
  readonly transmitter: TransmitterState;
  readonly receiver: ReceiverState;
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
  private readonly timing: LineTiming;
  private readonly transmitter: Transmitter;
  private readonly receiver: Receiver;
  private r = powerOn();

  constructor(wires: Uart16550Wires) {
    const { clock, instantTransmit } = wires;
    const changed = () => this.updateLine();
    this.wires = wires;
    this.timing = new LineTiming(clock.hz);
    this.transmitter = new Transmitter(clock, instantTransmit ? undefined : this.timing, changed);
    this.receiver = new Receiver(clock, this.timing, changed);
    this.configureTiming();
  }

  /** Sends bytes to the guest, in order, behind those that still wait. */
  receive(bytes: Iterable<number>): void {
    this.receiver.receive(bytes);
  }

  read(offset: number): number {
    const value = this.readRegister(offset);
    this.updateLine();
    return value;
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
    this.configureTiming();
    this.updateLine();
  }

  reset(): void {
    this.r = powerOn();
    this.transmitter.reset();
    this.receiver.reset();
    this.configureTiming();
    this.updateLine();
  }

  save(): Uart16550State {
    return { ...this.r, transmitter: this.transmitter.save(), receiver: this.receiver.save() };
  }

  restore(state: Uart16550State): void {
    const { transmitter, receiver, ...registers } = state;
    this.r = registers;
    this.transmitter.restore(transmitter);
    this.receiver.restore(receiver);
    this.configureTiming();
  }

  private get dlab(): boolean {
    return (this.r.lcr & LCR.DLAB) !== 0;
  }

  private get loopback(): boolean {
    return (this.r.mcr & MCR.LOOPBACK) !== 0;
  }

  private configureTiming(): void {
    this.timing.configure(this.r.divisor, this.r.lcr);
  }

  private readRegister(offset: number): number {
    switch (offset) {
      case 0:
        return this.dlab ? this.r.divisor & 0xff : this.receiver.take();
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

  private transmit(byte: number): void {
    if (!this.loopback) this.wires.output.write(byte);
    else if (!this.receiver.accept(byte)) this.r.errors |= LSR.OVERRUN;
    this.transmitter.write();
    // The interrupt goes away for a moment even when it comes back at once.
    this.updateLine();
  }

  private writeInterruptEnable(value: number): void {
    const switchedOn = value & ~this.r.ier;
    this.r.ier = value;
    if (switchedOn & IER.TRANSMIT_EMPTY && this.transmitter.holdingEmpty) this.transmitter.pending = true;
  }

  private writeFifoControl(value: number): void {
    const on = (value & FCR.ENABLE) !== 0;
    const toggled = on !== this.receiver.fifoOn;
    this.r.fcr = on ? value & (FCR.ENABLE | FCR.TRIGGER) : 0;
    this.receiver.fifoOn = on;
    if (value & FCR.CLEAR_RECEIVE) this.receiver.clear();
    if (toggled || value & FCR.CLEAR_TRANSMIT) this.transmitter.clear();
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

  private readLineStatus(): number {
    const status =
      this.r.errors |
      (this.receiver.level > 0 ? LSR.DATA_READY : 0) |
      (this.transmitter.holdingEmpty ? LSR.THR_EMPTY : 0) |
      (this.transmitter.idle ? LSR.TRANSMITTER_EMPTY : 0);
    this.r.errors = 0;
    return status;
  }

  private readModemStatus(): number {
    const status = this.modemInputs | this.r.modemChanges;
    this.r.modemChanges = 0;
    return status;
  }

  private readIdentification(): number {
    const cause = this.cause();
    if (cause === IIR.TRANSMIT_EMPTY) this.transmitter.pending = false;
    return cause | (this.receiver.fifoOn ? IIR.FIFO_ON : 0);
  }

  /** The pending interrupt of highest priority. */
  private cause(): number {
    const { ier, fcr, errors, modemChanges } = this.r;
    const trigger = this.receiver.fifoOn ? TRIGGER_LEVELS[fcr >> 6] : 1;
    if (ier & IER.LINE_STATUS && errors) return IIR.LINE_STATUS;
    if (ier & IER.RECEIVE && this.receiver.level >= trigger) return IIR.RECEIVE;
    if (ier & IER.RECEIVE && this.receiver.timedOut) return IIR.TIMEOUT;
    if (ier & IER.TRANSMIT_EMPTY && this.transmitter.pending) return IIR.TRANSMIT_EMPTY;
    if (ier & IER.MODEM_STATUS && modemChanges) return IIR.MODEM_STATUS;
    return IIR.NONE;
  }

  private updateLine(): void {
    const gate = (this.r.mcr & (MCR.OUT2 | MCR.LOOPBACK)) === MCR.OUT2;
    this.wires.line.set(gate && this.cause() !== IIR.NONE);
  }
}
