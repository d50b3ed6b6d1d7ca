import { IOAPIC_PIT_INPUT, IRQ, pciInterruptIrq } from '../arch/pc.ts';
import type { Device, InterruptLine } from '../contracts/device.ts';
import type { IoApic } from './apic/io-apic.ts';
import { fanOut, SharedLine } from './lines.ts';
import type { PicPair } from './pic/pic-pair.ts';

/**
 * The wires from devices to the interrupt controllers: ISA interrupt n reaches input n of the 8259A
 * pair and of the I/O APIC, except that the timer's interrupt 0 reaches input 2 of the latter. Several
 * devices can share one. State: the levels that the devices drive, by interrupt.
 */
export class InterruptRouter implements Device<Record<number, boolean[]>> {
  private readonly pic: PicPair;
  private readonly ioApic: IoApic;
  private readonly lines = new Map<number, SharedLine>();

  constructor(pic: PicPair, ioApic: IoApic) {
    this.pic = pic;
    this.ioApic = ioApic;
  }

  /** A new input on ISA interrupt `irq` (0..15, not 2). */
  isa(irq: number): InterruptLine {
    let shared = this.lines.get(irq);
    if (shared === undefined) {
      const input = irq === IRQ.pit ? IOAPIC_PIT_INPUT : irq;
      shared = new SharedLine(fanOut(this.pic.line(irq), this.ioApic.line(input)));
      this.lines.set(irq, shared);
    }
    return shared.input();
  }

  /** A new input on the interrupt behind a PCI pin (0 = INTA# .. 3 = INTD#). */
  pci(slot: number, pin: number): InterruptLine {
    return this.isa(pciInterruptIrq(slot, pin));
  }

  /** Nothing to do: wires carry what the devices drive. */
  reset(): void {}

  save(): Record<number, boolean[]> {
    return Object.fromEntries([...this.lines].map(([irq, shared]) => [irq, shared.save()]));
  }

  restore(state: Record<number, boolean[]>): void {
    for (const [irq, shared] of this.lines) shared.restore(state[irq]);
  }
}
