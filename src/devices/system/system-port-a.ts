import type { BusTarget, Device } from '../../contracts/device.ts';

const BIT = { FAST_RESET: 1, A20: 2, SECURITY_LOCK: 8, DISK_LEDS: 0xc0 } as const;

export interface SystemPortAWires {
  a20(enabled: boolean): void;
  /** INIT to the processor. */
  reset(): void;
}

/**
 * System control port A (port 92h of the PS/2): A20 in bit 1, fast reset when bit 0 goes from 0 to 1.
 * Starts as firmware leaves it, with A20 on.
 */
export class SystemPortA implements BusTarget, Device<number> {
  readonly widest = 1;
  private readonly wires: SystemPortAWires;
  private bits: number = BIT.A20;

  constructor(wires: SystemPortAWires) {
    this.wires = wires;
  }

  read(): number {
    return this.bits;
  }

  write(_offset: number, _size: number, value: number): void {
    const before = this.bits;
    this.bits = value & (BIT.FAST_RESET | BIT.A20 | BIT.SECURITY_LOCK | BIT.DISK_LEDS);
    if ((before ^ value) & BIT.A20) this.wires.a20((value & BIT.A20) !== 0);
    if (value & ~before & BIT.FAST_RESET) this.wires.reset();
  }

  reset(): void {
    this.bits = BIT.A20;
    this.wires.a20(true);
  }

  save(): number {
    return this.bits;
  }

  restore(state: number): void {
    this.bits = state;
  }
}
