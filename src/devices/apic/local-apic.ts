import type { AccessSize, BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import type { InterruptSource } from '../../contracts/interrupts.ts';
import type { ApicMode } from './base-msr.ts';
import { ApicCore } from './core.ts';
import type { LocalApicState, LocalApicWires } from './local-state.ts';
import { ENTRY } from './lvt.ts';
import { type ApicRegister, registerTable } from './register-table.ts';
import { DELIVERY, DELIVERY_SHIFT, ESR, ICR, REG, SVR, X2_RULES } from './registers.ts';

export type { LocalApicState, LocalApicWires };

const MSR = { APIC_BASE: 0x1b, TSC_DEADLINE: 0x6e0, X2APIC: 0x800 } as const;

/**
 * Local APIC (Intel SDM volume 3A, "Advanced Programmable Interrupt Controller") in xAPIC and x2APIC
 * mode. As a bus target it is the 4 KiB register page, which answers its own processor only; as an
 * interrupt source it belongs to that processor. Messages arrive at once, so delivery status reads 0.
 * Not modelled: SMI, the thermal and performance entries' events, focus processor checking, writes to
 * the ID register (as on newer processors).
 */
export class LocalApic implements InterruptSource, BusTarget, Device<LocalApicState> {
  /** Pins: LINT0 takes INTR of the 8259A pair, LINT1 takes NMI. */
  readonly lint0: InterruptLine = { set: (level) => this.core.setPin(0, level) };
  readonly lint1: InterruptLine = { set: (level) => this.core.setPin(1, level) };
  private readonly core: ApicCore;
  private readonly table: ReadonlyArray<ApicRegister | undefined>;

  constructor(wires: LocalApicWires) {
    this.core = new ApicCore(wires);
    this.table = registerTable(this.core);
  }

  get mode(): ApicMode {
    return this.core.base.mode;
  }

  /** Where the register page is in this processor's physical memory; undefined when it is nowhere. */
  get registerPage(): number | undefined {
    return this.mode === 'xapic' ? this.core.base.page : undefined;
  }

  /**
   * Brings the APIC into virtual wire mode as firmware does before it starts an operating system:
   * enabled, the 8259A pair through LINT0, NMI at LINT1.
   */
  enterVirtualWireMode(): void {
    this.core.writeSpurious(SVR.ENABLE | 0xff);
    this.core.lvt.write(ENTRY.LINT0, DELIVERY.EXTINT << DELIVERY_SHIFT, false);
    this.core.lvt.write(ENTRY.LINT1, DELIVERY.NMI << DELIVERY_SHIFT, false);
  }

  /** The processor's time-stamp counter was written. */
  tscChanged(): void {
    this.core.timer.tscChanged();
  }

  pending(): boolean {
    return this.core.pending();
  }

  acknowledge(): number {
    return this.core.acknowledge();
  }

  get cr8(): number {
    return this.core.priority.taskPriority >> 4;
  }

  set cr8(value: number) {
    this.core.setTaskPriority((value & 15) << 4);
  }

  readMsr(index: number): { lo: number; hi: number } | undefined {
    if (index === MSR.APIC_BASE) return this.core.base.read();
    if (index === MSR.TSC_DEADLINE) return this.core.timer.readDeadline();
    const number = index - MSR.X2APIC;
    if (this.mode !== 'x2apic' || !X2_RULES.get(number)?.read) return undefined;
    const hi = number === REG.ICR_LOW ? this.core.registers.icrHigh : 0;
    return { lo: this.table[number]?.read() ?? 0, hi };
  }

  writeMsr(index: number, lo: number, hi: number): boolean {
    if (index === MSR.APIC_BASE) return this.core.writeBase(lo, hi);
    if (index === MSR.TSC_DEADLINE) {
      this.core.timer.writeDeadline(lo, hi);
      return true;
    }
    const number = index - MSR.X2APIC;
    const reserved = X2_RULES.get(number)?.reserved;
    if (this.mode !== 'x2apic' || reserved === undefined || lo & reserved) return false;
    if (number === REG.ICR_LOW) this.core.registers.icrHigh = hi >>> 0;
    else if (hi !== 0) return false;
    if (number === REG.SELF_IPI) this.core.sendToSelf(lo & ICR.VECTOR);
    else this.table[number]?.write?.(lo >>> 0);
    return true;
  }

  read(offset: number, size: AccessSize): number {
    if ((offset & 15) + size > 4) return 0;
    const register = this.table[offset >> 4];
    if (register === undefined) this.core.raiseError(ESR.ILLEGAL_REGISTER);
    const value = (register?.read() ?? 0) >>> ((offset & 3) * 8);
    return size === 4 ? value : value & (2 ** (size * 8) - 1);
  }

  /** Registers take aligned four-byte writes only. */
  write(offset: number, size: AccessSize, value: number): void {
    if (offset & 15 || size !== 4) return;
    const register = this.table[offset >> 4];
    if (register === undefined) this.core.raiseError(ESR.ILLEGAL_REGISTER);
    else register.write?.(value);
  }

  reset(): void {
    this.core.base.reset();
    this.core.initialize();
  }

  save(): LocalApicState {
    return this.core.save();
  }

  restore(state: LocalApicState): void {
    this.core.restore(state);
  }
}
