import { ApicBase } from './base-msr.ts';
import type { InterruptMessage, MessageReceiver } from './bus.ts';
import { isAddressed, x2LogicalId } from './destination.ts';
import { type LocalApicState, type LocalApicWires, powerOnRegisters } from './local-state.ts';
import { ENTRY, LocalVectorTable } from './lvt.ts';
import { InterruptPriority } from './priority.ts';
import { DELIVERY, DELIVERY_SHIFT, ESR, FIRST_VECTOR, ICR, SHORTHAND, SVR } from './registers.ts';
import { ApicTimer } from './timer.ts';

/** What a local APIC does, apart from how software reaches its registers. */
export class ApicCore implements MessageReceiver {
  readonly base: ApicBase;
  readonly timer: ApicTimer;
  readonly priority = new InterruptPriority();
  readonly lvt: LocalVectorTable;
  registers = powerOnRegisters();
  private readonly wires: LocalApicWires;

  constructor(wires: LocalApicWires) {
    this.wires = wires;
    this.base = new ApicBase(wires.bootstrap, wires.physicalAddressBits ?? 52);
    this.lvt = new LocalVectorTable({
      fixed: (vector, level) => this.accept(vector, level),
      special: (delivery) => this.deliverSpecial(delivery, 0),
    });
    const expired = () => this.lvt.signal(ENTRY.TIMER);
    this.timer = new ApicTimer(wires.clock, expired, wires.tscOffset ?? (() => 0));
    wires.bus.connectLocal(this);
  }

  get id(): number {
    return this.wires.id;
  }

  get processorPriority(): number {
    return this.priority.processorPriority;
  }

  pending(): boolean {
    return this.external || (this.priority.deliverable && this.enabled);
  }

  acknowledge(): number {
    if (this.external) {
      this.registers.externalMessage = false;
      return this.wires.acknowledgeExternal();
    }
    return this.enabled ? this.priority.acknowledge() : -1;
  }

  /** Software enable: only then fixed interrupts are taken and given. */
  get enabled(): boolean {
    return (this.registers.spurious & SVR.ENABLE) !== 0 && this.base.mode !== 'disabled';
  }

  /** Whether the 8259A pair has a vector for this processor. A disabled APIC lets its pins through. */
  private get external(): boolean {
    if (this.registers.externalMessage) return true;
    return this.lvt.lint0 && (this.lvt.external || this.base.mode === 'disabled');
  }

  requestIfPending(): void {
    if (this.pending()) this.wires.target.interruptRequested();
  }

  setPin(pin: 0 | 1, level: boolean): void {
    if (!this.lvt.setPin(pin, level)) return;
    if (this.base.mode !== 'disabled') this.lvt.signal(ENTRY.LINT0 + pin);
    else this.deliverSpecial(pin === 0 ? DELIVERY.EXTINT : DELIVERY.NMI, 0);
  }

  isAddressedBy(message: InterruptMessage): boolean {
    const { mode } = this.base;
    if (mode === 'disabled') return false;
    const { logicalDestination, destinationFormat } = this.registers;
    return isAddressed(
      { id: this.id, x2: mode === 'x2apic', logicalDestination, destinationFormat },
      message,
    );
  }

  deliver({ delivery, vector, level }: InterruptMessage): void {
    const isFixed = delivery === DELIVERY.FIXED || delivery === DELIVERY.LOWEST_PRIORITY;
    if (isFixed) this.accept(vector, level);
    else {
      if (delivery === DELIVERY.EXTINT) this.registers.externalMessage = true;
      this.deliverSpecial(delivery, vector);
    }
  }

  setTaskPriority(value: number): void {
    this.priority.taskPriority = value;
    this.requestIfPending();
  }

  endOfInterrupt(): void {
    const vector = this.priority.endOfInterrupt();
    if (vector < 0) return;
    if (this.priority.levelTriggered.has(vector)) {
      this.lvt.endOfInterrupt(vector);
      const broadcasts = (this.registers.spurious & SVR.SUPPRESS_EOI_BROADCAST) === 0;
      if (broadcasts) this.wires.bus.endOfInterrupt(vector);
    }
    this.requestIfPending();
  }

  writeSpurious(value: number): void {
    this.registers.spurious = value;
    if (value & SVR.ENABLE) this.requestIfPending();
    else this.lvt.maskAll();
  }

  /** Records an error; its interrupt comes once until ESR is written. */
  raiseError(bit: number): void {
    if (this.registers.newErrors & bit) return;
    this.registers.newErrors |= bit;
    this.lvt.signal(ENTRY.ERROR);
  }

  /** A write to ESR makes the errors since the last one readable. */
  latchErrors(): void {
    this.registers.errorStatus = this.registers.newErrors;
    this.registers.newErrors = 0;
  }

  sendToSelf(vector: number): void {
    if (vector < FIRST_VECTOR) this.raiseError(ESR.SEND_ILLEGAL_VECTOR);
    else this.accept(vector, false);
  }

  /** Sends what the interrupt command register says. */
  sendCommand(): void {
    const { icrLow } = this.registers;
    const delivery = (icrLow >> DELIVERY_SHIFT) & 7;
    const isFixed = delivery === DELIVERY.FIXED || delivery === DELIVERY.LOWEST_PRIORITY;
    // INIT level de-assert only synchronized arbitration, long ago.
    if (delivery === DELIVERY.INIT && (icrLow & (ICR.LEVEL | ICR.ASSERT)) === ICR.LEVEL) return;
    if (isFixed && (icrLow & ICR.VECTOR) < FIRST_VECTOR) {
      this.raiseError(ESR.SEND_ILLEGAL_VECTOR);
      return;
    }
    const message = this.commandMessage(delivery);
    switch ((icrLow >> 18) & 3) {
      case SHORTHAND.NONE:
        this.wires.bus.send(message);
        break;
      case SHORTHAND.SELF:
        if (isFixed) this.accept(message.vector, false);
        break;
      case SHORTHAND.ALL:
        this.wires.bus.broadcast(message);
        break;
      case SHORTHAND.OTHERS:
        this.wires.bus.broadcast(message, this);
        break;
    }
  }

  /** What INIT leaves: mode, register page and the levels at the pins. */
  initialize(): void {
    this.registers = powerOnRegisters();
    this.priority.reset();
    this.lvt.reset();
    this.timer.reset();
    if (this.base.mode === 'x2apic') this.registers.logicalDestination = x2LogicalId(this.id);
  }

  /** Writes IA32_APIC_BASE; false for an invalid value or transition. */
  writeBase(lo: number, hi: number): boolean {
    const before = this.base.mode;
    if (!this.base.write(lo, hi)) return false;
    if (this.base.mode === before) return true;
    if (this.base.mode === 'x2apic') this.registers.logicalDestination = x2LogicalId(this.id);
    else this.initialize();
    this.requestIfPending();
    return true;
  }

  save(): LocalApicState {
    return {
      registers: { ...this.registers },
      priority: this.priority.save(),
      lvt: this.lvt.save(),
      timer: this.timer.save(),
      base: this.base.read(),
    };
  }

  restore(state: LocalApicState): void {
    this.registers = { ...state.registers };
    this.priority.restore(state.priority);
    this.lvt.restore(state.lvt);
    this.timer.restore(state.timer);
    this.base.restore(state.base);
  }

  private commandMessage(delivery: number): InterruptMessage {
    const { icrLow, icrHigh } = this.registers;
    const wide = this.base.mode === 'x2apic';
    return {
      destination: wide ? icrHigh : icrHigh >>> 24,
      logical: (icrLow & ICR.LOGICAL) !== 0,
      delivery,
      vector: icrLow & ICR.VECTOR,
      level: false,
      wide,
    };
  }

  private accept(vector: number, level: boolean): void {
    if (!this.enabled) return;
    if (vector < FIRST_VECTOR) {
      this.raiseError(ESR.RECEIVE_ILLEGAL_VECTOR);
      return;
    }
    this.priority.accept(vector, level);
    this.requestIfPending();
  }

  /** Delivery modes that bypass IRR and ISR. SMI and the reserved modes have no effect. */
  private deliverSpecial(delivery: number, vector: number): void {
    const { target } = this.wires;
    if (delivery === DELIVERY.NMI) target.nmi();
    else if (delivery === DELIVERY.STARTUP) target.startup(vector);
    else if (delivery === DELIVERY.EXTINT) this.requestIfPending();
    else if (delivery === DELIVERY.INIT) {
      this.initialize();
      target.init();
    }
  }
}
