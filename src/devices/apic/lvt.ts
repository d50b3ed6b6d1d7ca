import { DELIVERY, DELIVERY_SHIFT, LVT, LVT_WRITABLE } from './registers.ts';

/** Places in the table. */
export const ENTRY = { TIMER: 0, THERMAL: 1, PERFORMANCE: 2, LINT0: 3, LINT1: 4, ERROR: 5 } as const;

export interface LvtState {
  readonly entries: number[];
  readonly pins: boolean[];
}

/** Where local interrupts go. */
export interface LvtOutputs {
  fixed(vector: number, level: boolean): void;
  /** Any delivery mode but fixed. */
  special(delivery: number): void;
}

const deliveryOf = (entry: number): number => (entry & LVT.DELIVERY) >> DELIVERY_SHIFT;

/**
 * Local vector table and the two pins LINT0 and LINT1 (Intel SDM volume 3A, "Local Vector Table").
 * Pins are asserted or not: the polarity bit is kept and has no effect.
 */
export class LocalVectorTable {
  private readonly outputs: LvtOutputs;
  private entries: number[] = LVT_WRITABLE.map(() => LVT.MASKED);
  private pins: boolean[] = [false, false];

  constructor(outputs: LvtOutputs) {
    this.outputs = outputs;
  }

  /** Whether LINT0 is active, whatever its entry says. */
  get lint0(): boolean {
    return this.pins[0];
  }

  /** Whether LINT0 is active and its entry passes it on as an interrupt of the 8259A pair. */
  get external(): boolean {
    const entry = this.entries[ENTRY.LINT0];
    return this.pins[0] && (entry & LVT.MASKED) === 0 && deliveryOf(entry) === DELIVERY.EXTINT;
  }

  read(index: number): number {
    return this.entries[index];
  }

  /** @param forceMask While the APIC is disabled by software the mask bits stay set. */
  write(index: number, value: number, forceMask: boolean): void {
    const remoteIrr = value & LVT.LEVEL ? this.entries[index] & LVT.REMOTE_IRR : 0;
    const entry = (value & LVT_WRITABLE[index]) | remoteIrr | (forceMask ? LVT.MASKED : 0);
    this.entries[index] = entry;
    const pin = index - ENTRY.LINT0;
    const asks = (pin === 0 || pin === 1) && this.pins[pin];
    if (asks && (deliveryOf(entry) === DELIVERY.EXTINT || entry & LVT.LEVEL)) this.signal(index);
  }

  maskAll(): void {
    this.entries = this.entries.map((entry) => entry | LVT.MASKED);
  }

  /** Delivers the interrupt of entry `index`. */
  signal(index: number): void {
    const entry = this.entries[index];
    if (entry & (LVT.MASKED | LVT.REMOTE_IRR)) return;
    const delivery = deliveryOf(entry);
    if (delivery !== DELIVERY.FIXED) {
      this.outputs.special(delivery);
      return;
    }
    const level = (entry & LVT.LEVEL) !== 0;
    if (level) this.entries[index] |= LVT.REMOTE_IRR;
    this.outputs.fixed(entry & LVT.VECTOR, level);
  }

  /** Drives a pin; true when it became active. */
  setPin(pin: 0 | 1, level: boolean): boolean {
    const rises = level && !this.pins[pin];
    this.pins[pin] = level;
    return rises;
  }

  /** EOI of a level-triggered vector: pins that are still active ask again. */
  endOfInterrupt(vector: number): void {
    for (const pin of [0, 1] as const) {
      const index = ENTRY.LINT0 + pin;
      const entry = this.entries[index];
      if ((entry & LVT.REMOTE_IRR) === 0 || (entry & LVT.VECTOR) !== vector) continue;
      this.entries[index] = entry & ~LVT.REMOTE_IRR;
      if (this.pins[pin]) this.signal(index);
    }
  }

  /** All masked; the pins keep their levels. */
  reset(): void {
    this.entries = LVT_WRITABLE.map(() => LVT.MASKED);
  }

  save(): LvtState {
    return { entries: [...this.entries], pins: [...this.pins] };
  }

  restore(state: LvtState): void {
    this.entries = [...state.entries];
    this.pins = [...state.pins];
  }
}
