import type { Clock } from '../../contracts/clock.ts';
import type { AccessSize, BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import type { InterruptSource, InterruptTarget } from '../../contracts/interrupts.ts';
import { copyState } from '../state.ts';
import { ApicBase, type ApicMode } from './base-msr.ts';
import type { ApicBus, InterruptMessage, MessageReceiver } from './bus.ts';
import { isAddressed, x2LogicalId } from './destination.ts';
import { InterruptPriority, type PriorityState } from './priority.ts';
import {
  DELIVERY,
  DELIVERY_SHIFT,
  DIVIDE_WRITABLE,
  ESR,
  FIRST_VECTOR,
  ICR,
  LVT,
  LVT_TIMER_MODE_SHIFT,
  LVT_WRITABLE,
  REG,
  SHORTHAND,
  SVR,
  VERSION,
  X2_RULES,
} from './registers.ts';
import { ApicTimer, type ApicTimerState } from './timer.ts';

export interface LocalApicWires {
  readonly clock: Clock;
  readonly bus: ApicBus;
  readonly target: InterruptTarget;
  /** Initial APIC ID. */
  readonly id: number;
  /** The bootstrap processor's. */
  readonly bootstrap: boolean;
  /** INTA cycle of the 8259A pair, for interrupts of delivery mode ExtINT. */
  readonly acknowledgeExternal: () => number;
  /** Time-stamp counter less clock cycles; absent: 0. */
  readonly tscOffset?: () => number;
  /** CPUID's MAXPHYADDR; absent: 52. */
  readonly physicalAddressBits?: number;
}

interface Registers {
  logicalDestination: number;
  destinationFormat: number;
  spurious: number;
  errorStatus: number;
  /** Errors since ESR was last written. */
  newErrors: number;
  icrLow: number;
  icrHigh: number;
  /** From LVT_TIMER on. */
  lvt: number[];
  /** Levels at LINT0 and LINT1. */
  lint: [boolean, boolean];
  /** An ExtINT message waits for its INTA cycle. */
  externalMessage: boolean;
}

export interface LocalApicState {
  readonly registers: Registers;
  readonly priority: PriorityState;
  readonly timer: ApicTimerState;
  readonly base: { readonly lo: number; readonly hi: number };
}

const powerOn = (): Registers => ({
  logicalDestination: 0,
  destinationFormat: 0xffff_ffff,
  spurious: 0xff,
  errorStatus: 0,
  newErrors: 0,
  icrLow: 0,
  icrHigh: 0,
  lvt: LVT_WRITABLE.map(() => LVT.MASKED),
  lint: [false, false],
  externalMessage: false,
});

const LINT0 = REG.LVT_LINT0 - REG.LVT_TIMER;
const ERROR = REG.LVT_ERROR - REG.LVT_TIMER;
const MSR = { APIC_BASE: 0x1b, TSC_DEADLINE: 0x6e0, X2APIC: 0x800, X2APIC_END: 0x900 } as const;

/**
 * Local APIC (Intel SDM volume 3A, "Advanced Programmable Interrupt Controller") in xAPIC and x2APIC
 * mode. As a bus target it is the 4 KiB register page, which answers its own processor only; as an
 * interrupt source it belongs to that processor. Messages arrive at once, so delivery status reads 0.
 * Not modelled: SMI, the thermal and performance entries' events, focus processor checking.
 */
export class LocalApic implements InterruptSource, MessageReceiver, BusTarget, Device<LocalApicState> {
  /** Pins: LINT0 takes INTR of the 8259A pair, LINT1 takes NMI. */
  readonly lint0: InterruptLine = { set: (level) => this.setLint(0, level) };
  readonly lint1: InterruptLine = { set: (level) => this.setLint(1, level) };
  private readonly wires: LocalApicWires;
  private readonly base: ApicBase;
  private readonly timer: ApicTimer;
  private readonly priority = new InterruptPriority();
  private r = powerOn();

  constructor(wires: LocalApicWires) {
    this.wires = wires;
    this.base = new ApicBase(wires.bootstrap, wires.physicalAddressBits ?? 52);
    this.timer = new ApicTimer(wires.clock, () => this.signal(0), wires.tscOffset ?? (() => 0));
    wires.bus.connectLocal(this);
  }

  get mode(): ApicMode {
    return this.base.mode;
  }

  /** Where the register page is in this processor's physical memory; undefined when it is nowhere. */
  get registerPage(): number | undefined {
    return this.mode === 'xapic' ? this.base.page : undefined;
  }

  /**
   * Brings the APIC into virtual wire mode as firmware does before it starts an operating system:
   * enabled, the 8259A pair through LINT0, NMI at LINT1.
   */
  enterVirtualWireMode(): void {
    this.r.spurious = SVR.ENABLE | 0xff;
    this.r.lvt[LINT0] = DELIVERY.EXTINT << DELIVERY_SHIFT;
    this.r.lvt[LINT0 + 1] = DELIVERY.NMI << DELIVERY_SHIFT;
    this.requestIfPending();
  }

  /** The processor's time-stamp counter was written. */
  tscChanged(): void {
    this.timer.tscChanged();
  }

  // ---- what the processor asks (InterruptSource)

  pending(): boolean {
    return this.external || (this.priority.deliverable && this.enabled);
  }

  acknowledge(): number {
    if (this.external) {
      this.r.externalMessage = false;
      return this.wires.acknowledgeExternal();
    }
    return this.enabled ? this.priority.acknowledge() : -1;
  }

  get cr8(): number {
    return this.priority.taskPriority >> 4;
  }

  set cr8(value: number) {
    this.setTaskPriority((value & 15) << 4);
  }

  readMsr(index: number): { lo: number; hi: number } | undefined {
    if (index === MSR.APIC_BASE) return this.base.read();
    if (index === MSR.TSC_DEADLINE) return this.timer.readDeadline();
    const reg = index - MSR.X2APIC;
    if (this.mode !== 'x2apic' || index >= MSR.X2APIC_END || !X2_RULES.get(reg)?.read) return undefined;
    const lo = this.readRegister(reg) ?? 0;
    return { lo, hi: reg === REG.ICR_LOW ? this.r.icrHigh : 0 };
  }

  writeMsr(index: number, lo: number, hi: number): boolean {
    if (index === MSR.APIC_BASE) return this.writeBase(lo, hi);
    if (index === MSR.TSC_DEADLINE) {
      this.timer.writeDeadline(lo, hi);
      return true;
    }
    const reg = index - MSR.X2APIC;
    const reserved = X2_RULES.get(reg)?.reserved;
    if (this.mode !== 'x2apic' || reserved === undefined || lo & reserved) return false;
    if (reg === REG.ICR_LOW) this.r.icrHigh = hi >>> 0;
    else if (hi !== 0) return false;
    this.writeRegister(reg, lo >>> 0);
    return true;
  }

  // ---- register page (BusTarget)

  read(offset: number, size: AccessSize): number {
    if ((offset & 15) + size > 4) return 0;
    const value = this.readRegister(offset >> 4);
    if (value === undefined) this.raiseError(ESR.ILLEGAL_REGISTER);
    const shifted = (value ?? 0) >>> ((offset & 3) * 8);
    return size === 4 ? shifted : shifted & (2 ** (size * 8) - 1);
  }

  /** Registers take aligned four-byte writes only. */
  write(offset: number, size: AccessSize, value: number): void {
    if (offset & 15 || size !== 4) return;
    if (!this.writeRegister(offset >> 4, value)) this.raiseError(ESR.ILLEGAL_REGISTER);
  }

  // ---- messages (MessageReceiver)

  get processorPriority(): number {
    return this.priority.processorPriority;
  }

  isAddressedBy(message: InterruptMessage): boolean {
    const { mode } = this;
    if (mode === 'disabled') return false;
    const { logicalDestination, destinationFormat } = this.r;
    return isAddressed(
      { id: this.wires.id, x2: mode === 'x2apic', logicalDestination, destinationFormat },
      message,
    );
  }

  deliver(message: InterruptMessage): void {
    const { target } = this.wires;
    switch (message.delivery) {
      case DELIVERY.FIXED:
      case DELIVERY.LOWEST_PRIORITY:
        this.accept(message.vector, message.level);
        break;
      case DELIVERY.NMI:
        target.nmi();
        break;
      case DELIVERY.INIT:
        this.initialize();
        target.init();
        break;
      case DELIVERY.STARTUP:
        target.startup(message.vector);
        break;
      case DELIVERY.EXTINT:
        this.r.externalMessage = true;
        target.interruptRequested();
        break;
      default: // SMI and the reserved modes
        break;
    }
  }

  // ---- Device

  reset(): void {
    this.base.reset();
    this.initialize();
  }

  save(): LocalApicState {
    return {
      registers: copyState(this.r),
      priority: this.priority.save(),
      timer: this.timer.save(),
      base: this.base.read(),
    };
  }

  restore(state: LocalApicState): void {
    this.r = copyState(state.registers);
    this.priority.restore(state.priority);
    this.timer.restore(state.timer);
    this.base.restore(state.base);
  }

  // ---- inside

  /** Software enable: only then fixed interrupts are taken and given. */
  private get enabled(): boolean {
    return (this.r.spurious & SVR.ENABLE) !== 0 && this.mode !== 'disabled';
  }

  /** Whether the 8259A pair has a vector for this processor. A disabled APIC lets its pins through. */
  private get external(): boolean {
    if (this.r.externalMessage) return true;
    if (!this.r.lint[0]) return false;
    const entry = this.r.lvt[LINT0];
    if (this.mode === 'disabled') return true;
    return (entry & LVT.MASKED) === 0 && (entry & LVT.DELIVERY) >> DELIVERY_SHIFT === DELIVERY.EXTINT;
  }

  private requestIfPending(): void {
    if (this.pending()) this.wires.target.interruptRequested();
  }

  /** INIT leaves mode, base and the levels at the pins. */
  private initialize(): void {
    const { lint } = this.r;
    this.r = { ...powerOn(), lint };
    this.priority.reset();
    this.timer.reset();
    if (this.mode === 'x2apic') this.r.logicalDestination = x2LogicalId(this.wires.id);
  }

  private writeBase(lo: number, hi: number): boolean {
    const before = this.mode;
    if (!this.base.write(lo, hi)) return false;
    if (this.mode !== before) {
      if (this.mode === 'x2apic') this.r.logicalDestination = x2LogicalId(this.wires.id);
      else this.initialize();
      this.requestIfPending();
    }
    return true;
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

  private raiseError(bit: number): void {
    if (this.r.newErrors & bit) return;
    this.r.newErrors |= bit;
    this.signal(ERROR);
  }

  /** Delivers the local interrupt of LVT entry `index`. */
  private signal(index: number): void {
    const entry = this.r.lvt[index];
    if (entry & LVT.MASKED) return;
    const message = (entry & LVT.DELIVERY) >> DELIVERY_SHIFT;
    const level = (entry & LVT.LEVEL) !== 0 && message === DELIVERY.FIXED;
    if (level) {
      if (entry & LVT.REMOTE_IRR) return;
      this.r.lvt[index] |= LVT.REMOTE_IRR;
    }
    if (message === DELIVERY.FIXED) this.accept(entry & LVT.VECTOR, level);
    else if (message === DELIVERY.EXTINT) this.requestIfPending();
    else
      this.deliver({
        destination: 0,
        logical: false,
        delivery: message,
        vector: 0,
        level: false,
        wide: false,
      });
  }

  private setLint(pin: 0 | 1, level: boolean): void {
    if (this.r.lint[pin] === level) return;
    this.r.lint[pin] = level;
    if (!level) return;
    if (this.mode !== 'disabled') this.signal(LINT0 + pin);
    else if (pin === 0) this.wires.target.interruptRequested();
    else this.wires.target.nmi();
  }

  private setTaskPriority(value: number): void {
    this.priority.taskPriority = value;
    this.requestIfPending();
  }

  private endOfInterrupt(): void {
    const vector = this.priority.endOfInterrupt();
    if (vector < 0) return;
    if (this.priority.levelTriggered.has(vector)) {
      this.endLocalLevel(vector);
      if ((this.r.spurious & SVR.SUPPRESS_EOI_BROADCAST) === 0) this.wires.bus.endOfInterrupt(vector);
    }
    this.requestIfPending();
  }

  /** Level-triggered pins ask again while they are active. */
  private endLocalLevel(vector: number): void {
    for (const pin of [0, 1] as const) {
      const entry = this.r.lvt[LINT0 + pin];
      if ((entry & LVT.REMOTE_IRR) === 0 || (entry & LVT.VECTOR) !== vector) continue;
      this.r.lvt[LINT0 + pin] = entry & ~LVT.REMOTE_IRR;
      if (this.r.lint[pin]) this.signal(LINT0 + pin);
    }
  }

  /** The value of register `reg`, undefined when there is none. */
  private readRegister(reg: number): number | undefined {
    if (reg >= REG.ISR && reg < REG.ISR + 8) return this.priority.inService.word(reg & 7);
    if (reg >= REG.TMR && reg < REG.TMR + 8) return this.priority.levelTriggered.word(reg & 7);
    if (reg >= REG.IRR && reg < REG.IRR + 8) return this.priority.requested.word(reg & 7);
    if (reg >= REG.LVT_TIMER && reg <= REG.LVT_ERROR) return this.r.lvt[reg - REG.LVT_TIMER];
    switch (reg) {
      case REG.ID:
        return this.mode === 'x2apic' ? this.wires.id : (this.wires.id << 24) >>> 0;
      case REG.VERSION:
        return VERSION;
      case REG.TPR:
        return this.priority.taskPriority;
      case REG.PPR:
        return this.priority.processorPriority;
      case REG.LDR:
        return this.r.logicalDestination;
      case REG.DFR:
        return this.r.destinationFormat;
      case REG.SVR:
        return this.r.spurious;
      case REG.ESR:
        return this.r.errorStatus;
      case REG.ICR_LOW:
        return this.r.icrLow;
      case REG.ICR_HIGH:
        return this.r.icrHigh;
      case REG.INITIAL_COUNT:
        return this.timer.initialCount;
      case REG.CURRENT_COUNT:
        return this.timer.currentCount;
      case REG.DIVIDE:
        return this.timer.divide;
      case REG.EOI:
        return 0;
      default:
        return undefined;
    }
  }

  /** False when there is no such register; writes to read-only ones have no effect. */
  private writeRegister(reg: number, value: number): boolean {
    if (reg >= REG.LVT_TIMER && reg <= REG.LVT_ERROR) {
      this.writeLvt(reg - REG.LVT_TIMER, value);
      return true;
    }
    switch (reg) {
      case REG.TPR:
        this.setTaskPriority(value & 0xff);
        return true;
      case REG.EOI:
        this.endOfInterrupt();
        return true;
      case REG.LDR:
        this.r.logicalDestination = (value & 0xff00_0000) >>> 0;
        return true;
      case REG.DFR:
        this.r.destinationFormat = (value | 0x0fff_ffff) >>> 0;
        return true;
      case REG.SVR:
        this.writeSpurious(value & SVR.WRITABLE);
        return true;
      case REG.ESR:
        this.r.errorStatus = this.r.newErrors;
        this.r.newErrors = 0;
        return true;
      case REG.ICR_LOW:
        this.r.icrLow = value & ICR.WRITABLE;
        this.sendCommand();
        return true;
      case REG.ICR_HIGH:
        this.r.icrHigh = (value & 0xff00_0000) >>> 0;
        return true;
      case REG.INITIAL_COUNT:
        this.timer.initialCount = value;
        return true;
      case REG.DIVIDE:
        this.timer.divide = value & DIVIDE_WRITABLE;
        return true;
      case REG.SELF_IPI:
        if (this.mode !== 'x2apic') return false;
        this.sendToSelf(value & ICR.VECTOR);
        return true;
      default:
        return this.readRegister(reg) !== undefined;
    }
  }

  private writeSpurious(value: number): void {
    this.r.spurious = value;
    if (value & SVR.ENABLE) this.requestIfPending();
    else this.r.lvt = this.r.lvt.map((entry) => entry | LVT.MASKED);
  }

  private writeLvt(index: number, value: number): void {
    const kept = this.r.lvt[index] & LVT.REMOTE_IRR & (value >> 1); // only while level-triggered
    const forced = this.r.spurious & SVR.ENABLE ? 0 : LVT.MASKED;
    this.r.lvt[index] = (value & LVT_WRITABLE[index]) | kept | forced;
    if (index === 0) this.timer.setMode((value >> LVT_TIMER_MODE_SHIFT) & 3);
    const pin = index - LINT0;
    if (pin !== 0 && pin !== 1) return;
    const entry = this.r.lvt[index];
    const external = (entry & LVT.DELIVERY) >> DELIVERY_SHIFT === DELIVERY.EXTINT;
    if (this.r.lint[pin] && (external || entry & LVT.LEVEL)) this.signal(index);
  }

  private sendToSelf(vector: number): void {
    if (vector < FIRST_VECTOR) this.raiseError(ESR.SEND_ILLEGAL_VECTOR);
    else this.accept(vector, false);
  }

  /** Sends what the interrupt command register says. */
  private sendCommand(): void {
    const { icrLow, icrHigh } = this.r;
    const delivery = (icrLow >> DELIVERY_SHIFT) & 7;
    const vector = icrLow & ICR.VECTOR;
    const isFixed = delivery === DELIVERY.FIXED || delivery === DELIVERY.LOWEST_PRIORITY;
    // INIT level de-assert only synchronized arbitration, long ago.
    if (delivery === DELIVERY.INIT && icrLow & ICR.LEVEL && (icrLow & ICR.ASSERT) === 0) return;
    if (isFixed && vector < FIRST_VECTOR) {
      this.raiseError(ESR.SEND_ILLEGAL_VECTOR);
      return;
    }
    const wide = this.mode === 'x2apic';
    const destination = wide ? icrHigh : icrHigh >>> 24;
    const logical = (icrLow & ICR.LOGICAL) !== 0;
    const message = { destination, logical, delivery, vector, level: false, wide };
    switch ((icrLow >> 18) & 3) {
      case SHORTHAND.NONE:
        this.wires.bus.send(message);
        break;
      case SHORTHAND.SELF:
        if (isFixed) this.accept(vector, false);
        break;
      case SHORTHAND.ALL:
        this.wires.bus.broadcast(message);
        break;
      case SHORTHAND.OTHERS:
        this.wires.bus.broadcast(message, this);
        break;
    }
  }
}
