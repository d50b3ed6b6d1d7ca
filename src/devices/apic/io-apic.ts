import { IOAPIC_INPUTS } from '../../arch/pc.ts';
import type { AccessSize, BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { copyState } from '../state.ts';
import type { ApicBus } from './bus.ts';
import { DELIVERY_SHIFT } from './registers.ts';

/** Intel 82093AA data sheet, "I/O APIC Registers"; the EOI register is that of later versions. */
const WINDOW = { SELECT: 0x00, DATA: 0x10, EOI: 0x40 } as const;
const REG = { ID: 0, VERSION: 1, ARBITRATION: 2, TABLE: 0x10 } as const;
/** Version 20h has an EOI register. */
const VERSION = 0x20 | ((IOAPIC_INPUTS - 1) << 16);
const ENTRY = { VECTOR: 0xff, LOGICAL: 0x800, REMOTE_IRR: 0x4000, LEVEL: 0x8000, MASKED: 0x1_0000 } as const;
const ENTRY_WRITABLE = 0x1_afff;
const ID_MASK = 0x0f00_0000;

export interface IoApicState {
  select: number;
  id: number;
  /** Redirection table, low and high halves. */
  low: number[];
  high: number[];
  /** Levels of the inputs, one bit each. */
  lines: number;
}

const powerOn = (): IoApicState => ({
  select: 0,
  id: 0,
  low: new Array<number>(IOAPIC_INPUTS).fill(ENTRY.MASKED),
  high: new Array<number>(IOAPIC_INPUTS).fill(0),
  lines: 0,
});

/**
 * I/O APIC with 24 inputs. Inputs are "asserted" or not: the polarity bit is kept and has no effect.
 * As on the chip, an edge at a masked input is lost. Messages arrive at once, so delivery status reads 0.
 */
export class IoApic implements BusTarget, Device<IoApicState> {
  private readonly bus: ApicBus;
  private s = powerOn();

  constructor(bus: ApicBus) {
    this.bus = bus;
    bus.connectIo(this);
  }

  /** Input 0..23. */
  line(input: number): InterruptLine {
    if (!Number.isInteger(input) || input < 0 || input >= IOAPIC_INPUTS) {
      throw new RangeError(`the I/O APIC has no input ${input}: use 0..${IOAPIC_INPUTS - 1}`);
    }
    const bit = 1 << input;
    return {
      set: (level) => {
        if (level === ((this.s.lines & bit) !== 0)) return;
        this.s.lines ^= bit;
        if (level) this.signal(input);
      },
    };
  }

  /** EOI message from a local APIC: inputs with this vector may ask again. */
  endOfInterrupt(vector: number): void {
    this.s.low.forEach((entry, input) => {
      if ((entry & ENTRY.VECTOR) !== vector || (entry & ENTRY.REMOTE_IRR) === 0) return;
      this.s.low[input] = entry & ~ENTRY.REMOTE_IRR;
      this.signalIfLevel(input);
    });
  }

  read(offset: number, size: AccessSize): number {
    if (size !== 4) return 2 ** (size * 8) - 1;
    if (offset === WINDOW.SELECT) return this.s.select;
    return offset === WINDOW.DATA ? this.readRegister(this.s.select) : 0;
  }

  write(offset: number, _size: AccessSize, value: number): void {
    if (offset === WINDOW.SELECT) this.s.select = value & 0xff;
    else if (offset === WINDOW.DATA) this.writeRegister(this.s.select, value);
    else if (offset === WINDOW.EOI) this.endOfInterrupt(value & 0xff);
  }

  reset(): void {
    const { lines } = this.s;
    this.s = { ...powerOn(), lines };
  }

  save(): IoApicState {
    return copyState(this.s);
  }

  restore(state: IoApicState): void {
    this.s = copyState(state);
  }

  private readRegister(index: number): number {
    if (index === REG.ID || index === REG.ARBITRATION) return this.s.id;
    if (index === REG.VERSION) return VERSION;
    const half = index & 1 ? this.s.high : this.s.low;
    return half[(index - REG.TABLE) >> 1] ?? 0;
  }

  private writeRegister(index: number, value: number): void {
    if (index === REG.ID) this.s.id = value & ID_MASK;
    const input = (index - REG.TABLE) >> 1;
    if (input < 0 || input >= IOAPIC_INPUTS) return;
    if (index & 1) {
      this.s.high[input] = value & 0xff00_0000;
      this.s.high[input] >>>= 0;
      return;
    }
    // Going over to edge-triggered forgets an outstanding EOI.
    const remoteIrr = value & ENTRY.LEVEL ? this.s.low[input] & ENTRY.REMOTE_IRR : 0;
    this.s.low[input] = (value & ENTRY_WRITABLE) | remoteIrr;
    this.signalIfLevel(input);
  }

  private signalIfLevel(input: number): void {
    const asserted = (this.s.lines & (1 << input)) !== 0;
    if (asserted && this.s.low[input] & ENTRY.LEVEL) this.signal(input);
  }

  private signal(input: number): void {
    const entry = this.s.low[input];
    if (entry & (ENTRY.MASKED | ENTRY.REMOTE_IRR)) return;
    const level = (entry & ENTRY.LEVEL) !== 0;
    const message = {
      destination: this.s.high[input] >>> 24,
      logical: (entry & ENTRY.LOGICAL) !== 0,
      delivery: (entry >> DELIVERY_SHIFT) & 7,
      vector: entry & ENTRY.VECTOR,
      level,
      wide: false,
    };
    // Set first: the receiver may answer with an EOI at once.
    if (level) this.s.low[input] |= ENTRY.REMOTE_IRR;
    if (!this.bus.send(message) && level) this.s.low[input] &= ~ENTRY.REMOTE_IRR;
  }
}
