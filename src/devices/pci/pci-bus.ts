import type { AccessSize, Device, InterruptLine } from '../../contracts/device.ts';
import type { Bus } from '../bus.ts';
import { unconnected } from '../lines.ts';
import type { PciFunction, PciFunctionState } from './function.ts';

export interface PciBusWires {
  readonly ports: Bus;
  readonly memory: Bus;
  /** An input of its own on the wire behind `pin` (0 = INTA# .. 3) of `slot`. */
  interrupt(slot: number, pin: number): InterruptLine;
  /** Number of the interrupt behind that pin, for the interrupt line register. */
  interruptNumber(slot: number, pin: number): number;
}

const SLOTS = 32;
const FUNCTIONS = 8;
const ones = (size: AccessSize): number => (size === 4 ? 0xffff_ffff : 2 ** (size * 8) - 1);

/** PCI bus 0: up to 32 slots of up to 8 functions each. Its state is that of its functions, by "slot.function". */
export class PciBus implements Device<Record<string, unknown>> {
  private readonly wires: PciBusWires;
  private readonly functions = new Map<number, PciFunction & Device<unknown>>();

  constructor(wires: PciBusWires) {
    this.wires = wires;
  }

  /**
   * Puts a function into a slot.
   * @throws RangeError when there is no such place or it is taken.
   */
  add(slot: number, number: number, pciFunction: PciFunction): void {
    const key = slot * FUNCTIONS + number;
    const exists = slot >= 0 && slot < SLOTS && number >= 0 && number < FUNCTIONS;
    if (!exists || this.functions.has(key)) {
      throw new RangeError(
        `PCI 00:${slot}.${number} is ${exists ? 'taken' : 'not a place: use slot 0..31, function 0..7'}`,
      );
    }
    const pin = pciFunction.interruptPin - 1;
    pciFunction.insert({
      ports: this.wires.ports,
      memory: this.wires.memory,
      interrupt: pin < 0 ? unconnected : this.wires.interrupt(slot, pin),
      interruptLine: pin < 0 ? 0 : this.wires.interruptNumber(slot, pin),
    });
    this.functions.set(key, pciFunction as PciFunction & Device<unknown>);
    if (number > 0) this.functions.get(slot * FUNCTIONS)?.markMultifunction();
    else if (this.hasSiblings(slot)) pciFunction.markMultifunction();
  }

  /** `place` is bus, slot and function as CONFIG_ADDRESS bits 23:8 hold them. */
  readConfig(place: number, offset: number, size: AccessSize): number {
    return this.functions.get(place)?.readConfig(offset, size) ?? ones(size);
  }

  writeConfig(place: number, offset: number, size: AccessSize, value: number): void {
    this.functions.get(place)?.writeConfig(offset, size, value);
  }

  reset(): void {
    for (const pciFunction of this.functions.values()) pciFunction.reset();
  }

  save(): Record<string, PciFunctionState> {
    return Object.fromEntries([...this.functions].map(([key, f]) => [name(key), f.save()]));
  }

  restore(state: Record<string, PciFunctionState>): void {
    for (const [key, pciFunction] of this.functions) pciFunction.restore(state[name(key)]);
  }

  private hasSiblings(slot: number): boolean {
    return [...this.functions.keys()].some(
      (key) => Math.floor(key / FUNCTIONS) === slot && key % FUNCTIONS > 0,
    );
  }
}

const name = (key: number): string => `${Math.floor(key / FUNCTIONS)}.${key % FUNCTIONS}`;
