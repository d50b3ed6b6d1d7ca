import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { copyState } from '../state.ts';

/** Intel 8259A data sheet, "Initialization Command Words" and "Operation Command Words". */
const ICW1 = { INIT: 0x10, SINGLE: 2, NEEDS_ICW4: 1 } as const;
const ICW4 = { AUTO_EOI: 2, SPECIAL_FULLY_NESTED: 0x10 } as const;
const OCW3 = {
  SELECT: 8,
  SET_SPECIAL_MASK: 0x60,
  RESET_SPECIAL_MASK: 0x40,
  POLL: 4,
  READ_ISR: 3,
  READ_IRR: 2,
} as const;
/** OCW2[7:5]: rotate, specific, end of interrupt. */
const OCW2 = {
  STOP_AUTO_ROTATE: 0,
  EOI: 1,
  SPECIFIC_EOI: 3,
  AUTO_ROTATE: 4,
  ROTATE_EOI: 5,
  SET_PRIORITY: 6,
  ROTATE_SPECIFIC_EOI: 7,
} as const;

export interface Pic8259State {
  /** Levels of the eight inputs. */
  lines: number;
  /** Rising edges not yet acknowledged. */
  edges: number;
  mask: number;
  inService: number;
  /** Inputs that are level-triggered (the chip set's ELCR). */
  levelTriggered: number;
  vectorBase: number;
  icw1: number;
  icw4: number;
  /** Which initialization command word the data port takes next; 0 when none. */
  expects: 0 | 2 | 3 | 4;
  /** The input of lowest priority; the next one up has the highest. */
  lowest: number;
  autoRotate: boolean;
  specialMask: boolean;
  readInService: boolean;
  poll: boolean;
}

const powerOn = (): Pic8259State => ({
  lines: 0,
  edges: 0,
  mask: 0xff,
  inService: 0,
  levelTriggered: 0,
  vectorBase: 0,
  icw1: 0,
  icw4: 0,
  expects: 0,
  lowest: 7,
  autoRotate: false,
  specialMask: false,
  readInService: false,
  poll: false,
});

/**
 * One 8259A: command port at offset 0, data port at offset 1. As on the chip, a request must stay
 * active until it is acknowledged; what was withdrawn in between is answered with input 7 and no
 * in-service bit. Not modelled: MCS-80 mode, LTIM (PC chip sets replace it with the ELCR).
 */
export class Pic8259 implements BusTarget, Device<Pic8259State> {
  readonly widest = 1;
  private readonly output: InterruptLine;
  /** Inputs with another 8259A on them; they matter for the special fully nested mode. */
  private readonly cascaded: number;
  private s = powerOn();

  constructor(output: InterruptLine, cascaded: number) {
    this.output = output;
    this.cascaded = cascaded;
  }

  /** Drives input `ir` (0..7). */
  setLine(ir: number, level: boolean): void {
    const bit = 1 << ir;
    const before = this.s.lines & bit;
    if (level && !before) {
      this.s.lines |= bit;
      this.s.edges |= bit;
    } else if (!level && before) {
      this.s.lines &= ~bit;
      this.s.edges &= ~bit;
    } else return;
    this.updateOutput();
  }

  get levelTriggered(): number {
    return this.s.levelTriggered;
  }

  set levelTriggered(inputs: number) {
    this.s.levelTriggered = inputs;
    this.updateOutput();
  }

  /** INTA cycle: puts the request of highest priority in service and returns its number; 7 when it is gone. */
  acknowledge(): number {
    const ir = this.deliverable();
    if (ir < 0) return 7;
    this.output.set(false);
    this.s.edges &= ~(1 << ir);
    if ((this.s.icw4 & ICW4.AUTO_EOI) === 0) this.s.inService |= 1 << ir;
    else if (this.s.autoRotate) this.s.lowest = ir;
    this.updateOutput();
    return ir;
  }

  /** The interrupt vector of input `ir`. */
  vector(ir: number): number {
    return this.s.vectorBase | ir;
  }

  read(offset: number): number {
    if (this.s.poll) {
      this.s.poll = false;
      return this.deliverable() < 0 ? 0 : 0x80 | this.acknowledge();
    }
    if (offset === 1) return this.s.mask;
    return this.s.readInService ? this.s.inService : this.requests;
  }

  write(offset: number, _size: number, value: number): void {
    if (offset === 1) this.writeData(value);
    else if (value & ICW1.INIT) this.initialize(value);
    else if (value & OCW3.SELECT) this.writeOcw3(value);
    else this.writeOcw2(value >> 5, value & 7);
    this.updateOutput();
  }

  reset(): void {
    this.s = { ...powerOn(), lines: this.s.lines };
    this.updateOutput();
  }

  save(): Pic8259State {
    return copyState(this.s);
  }

  restore(state: Pic8259State): void {
    this.s = copyState(state);
  }

  /** IRR: what asks for service, masked or not. */
  private get requests(): number {
    return this.s.lines & (this.s.edges | this.s.levelTriggered);
  }

  private initialize(icw1: number): void {
    const { lines, levelTriggered, vectorBase } = this.s;
    this.s = { ...powerOn(), lines, levelTriggered, vectorBase, icw1, mask: 0, expects: 2 };
  }

  private writeData(value: number): void {
    const { icw1 } = this.s;
    switch (this.s.expects) {
      case 0:
        this.s.mask = value;
        break;
      case 2:
        this.s.vectorBase = value & 0xf8;
        this.s.expects = icw1 & ICW1.SINGLE ? (icw1 & ICW1.NEEDS_ICW4 ? 4 : 0) : 3;
        break;
      case 3: // the wiring of the cascade is fixed
        this.s.expects = icw1 & ICW1.NEEDS_ICW4 ? 4 : 0;
        break;
      case 4:
        this.s.icw4 = value;
        this.s.expects = 0;
        break;
    }
  }

  private writeOcw3(value: number): void {
    if ((value & OCW3.SET_SPECIAL_MASK) === OCW3.SET_SPECIAL_MASK) this.s.specialMask = true;
    else if (value & OCW3.RESET_SPECIAL_MASK) this.s.specialMask = false;
    if (value & OCW3.POLL) this.s.poll = true;
    if ((value & 3) === OCW3.READ_ISR) this.s.readInService = true;
    else if ((value & 3) === OCW3.READ_IRR) this.s.readInService = false;
  }

  private writeOcw2(command: number, ir: number): void {
    const current = this.first(this.s.specialMask ? this.s.inService & ~this.s.mask : this.s.inService);
    switch (command) {
      case OCW2.EOI:
        if (current >= 0) this.s.inService &= ~(1 << current);
        break;
      case OCW2.ROTATE_EOI:
        if (current < 0) break;
        this.s.inService &= ~(1 << current);
        this.s.lowest = current;
        break;
      case OCW2.SPECIFIC_EOI:
        this.s.inService &= ~(1 << ir);
        break;
      case OCW2.ROTATE_SPECIFIC_EOI:
        this.s.inService &= ~(1 << ir);
        this.s.lowest = ir;
        break;
      case OCW2.SET_PRIORITY:
        this.s.lowest = ir;
        break;
      case OCW2.AUTO_ROTATE:
      case OCW2.STOP_AUTO_ROTATE:
        this.s.autoRotate = command === OCW2.AUTO_ROTATE;
        break;
      default: // no operation
        break;
    }
  }

  /** 0 for the highest priority .. 7. */
  private rank(ir: number): number {
    return (ir - this.s.lowest - 1) & 7;
  }

  /** The input of highest priority in a set, -1 when it is empty. */
  private first(inputs: number): number {
    if (inputs === 0) return -1;
    for (let i = 1; i <= 8; i++) {
      const ir = (this.s.lowest + i) & 7;
      if (inputs & (1 << ir)) return ir;
    }
    return -1;
  }

  /** The request that the chip would hand to the processor now, -1 for none. */
  private deliverable(): number {
    const ir = this.first(this.requests & ~this.s.mask);
    if (ir < 0) return -1;
    const blocking = this.first(this.s.specialMask ? this.s.inService & ~this.s.mask : this.s.inService);
    if (blocking < 0 || this.rank(ir) < this.rank(blocking)) return ir;
    const nests = (this.s.icw4 & ICW4.SPECIAL_FULLY_NESTED) !== 0 && (this.cascaded & (1 << ir)) !== 0;
    return nests && ir === blocking ? ir : -1;
  }

  private updateOutput(): void {
    this.output.set(this.s.expects === 0 && this.deliverable() >= 0);
  }
}
