import type { BusTarget, Device } from '../../contracts/device.ts';

const BIT = { HARD: 2, RESET: 4, FULL: 8 } as const;

/** Reset control register (port CF9h of Intel's chip sets): resets the computer when bit 2 goes from 0 to 1. */
export class ResetControl implements BusTarget, Device<number> {
  readonly widest = 1;
  private readonly requestReset: () => void;
  private bits = 0;

  constructor(requestReset: () => void) {
    this.requestReset = requestReset;
  }

  read(): number {
    return this.bits;
  }

  write(_offset: number, _size: number, value: number): void {
    const rises = (value & ~this.bits & BIT.RESET) !== 0;
    this.bits = value & (BIT.HARD | BIT.RESET | BIT.FULL);
    if (rises) this.requestReset();
  }

  reset(): void {
    this.bits = 0;
  }

  save(): number {
    return this.bits;
  }

  restore(state: number): void {
    this.bits = state;
  }
}
