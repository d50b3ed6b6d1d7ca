import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { Pic8259, type Pic8259State } from './pic8259.ts';

export interface PicPairState {
  readonly master: Pic8259State;
  readonly slave: Pic8259State;
}

const CASCADE = 2;

/**
 * The PC's two 8259As, the slave on input 2 of the master, with the edge/level control registers.
 * Bus targets: `master` and `slave` (two ports each) and `elcr` (two ports: inputs 0..7, 8..15).
 */
export class PicPair implements Device<PicPairState> {
  readonly master: Pic8259;
  readonly slave: Pic8259;
  readonly elcr: BusTarget;

  /** @param output INTR: active while a vector can be had by `acknowledge`. */
  constructor(output: InterruptLine) {
    this.master = new Pic8259(output, 1 << CASCADE);
    this.slave = new Pic8259({ set: (level) => this.master.setLine(CASCADE, level) }, 0);
    this.elcr = edgeLevelControl(this.master, this.slave);
  }

  /** Input `irq`: 0..15, not 2. */
  line(irq: number): InterruptLine {
    if (!Number.isInteger(irq) || irq < 0 || irq > 15 || irq === CASCADE) {
      throw new RangeError(`the PIC has no input ${irq}: use 0..15 except ${CASCADE}, which takes the slave`);
    }
    const chip = irq < 8 ? this.master : this.slave;
    return { set: (level) => chip.setLine(irq & 7, level) };
  }

  /** INTA: the vector of the request of highest priority. A request that is gone gives IRQ 7 or 15 (spurious). */
  acknowledge(): number {
    const ir = this.master.acknowledge();
    return ir === CASCADE ? this.slave.vector(this.slave.acknowledge()) : this.master.vector(ir);
  }

  reset(): void {
    this.slave.reset();
    this.master.reset();
  }

  save(): PicPairState {
    return { master: this.master.save(), slave: this.slave.save() };
  }

  restore(state: PicPairState): void {
    this.master.restore(state.master);
    this.slave.restore(state.slave);
  }
}

/** Timer, keyboard, cascade, RTC and FPU are always edge-triggered. */
const ELCR_WRITABLE = [0xf8, 0xde] as const;

const edgeLevelControl = (master: Pic8259, slave: Pic8259): BusTarget => ({
  widest: 1,
  read: (offset) => (offset === 0 ? master : slave).levelTriggered,
  write: (offset, _size, value) => {
    (offset === 0 ? master : slave).levelTriggered = value & ELCR_WRITABLE[offset];
  },
});
