import type { AccessSize, BusTarget, Device } from '../../contracts/device.ts';
import type { PciBus } from './pci-bus.ts';

const ENABLE = 0x8000_0000;
const ADDRESS_BITS = 0x80ff_fffc;
const RESET_CONTROL_OFFSET = 1;

/**
 * Configuration mechanism #1 (PCI Local Bus Specification, "Software Generation of Configuration
 * Transactions"). Bus targets: `address` (4 ports) and `data` (4 ports). CONFIG_ADDRESS answers only
 * accesses of four bytes; a byte access to its second port reaches the reset control register, which
 * shares it on Intel's chip sets.
 */
export class PciConfigPorts implements Device<number> {
  readonly address: BusTarget;
  readonly data: BusTarget;
  private selected = 0;

  constructor(bus: PciBus, resetControl: BusTarget) {
    this.address = {
      read: (offset, size) => {
        if (size === 4) return this.selected;
        return isReset(offset, size) ? resetControl.read(0, 1) : size === 1 ? 0xff : 0xffff;
      },
      write: (offset, size, value) => {
        if (size === 4) this.selected = (value & ADDRESS_BITS) >>> 0;
        else if (isReset(offset, size)) resetControl.write(0, 1, value);
      },
    };
    this.data = {
      read: (offset, size) => bus.readConfig(this.place, this.register + offset, size),
      write: (offset, size, value) => bus.writeConfig(this.place, this.register + offset, size, value),
    };
  }

  reset(): void {
    this.selected = 0;
  }

  save(): number {
    return this.selected;
  }

  restore(state: number): void {
    this.selected = state;
  }

  /** Bus, slot and function; no function has the number -1. */
  private get place(): number {
    return this.selected & ENABLE ? (this.selected >>> 8) & 0xffff : -1;
  }

  private get register(): number {
    return this.selected & 0xfc;
  }
}

const isReset = (offset: number, size: AccessSize): boolean => offset === RESET_CONTROL_OFFSET && size === 1;
