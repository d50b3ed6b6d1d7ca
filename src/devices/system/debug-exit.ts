import type { AccessSize, BusTarget } from '../../contracts/device.ts';

/**
 * Debug exit port: writing v ends the run with status (v << 1) | 1, so that no exit of a guest looks
 * like the success of the program that ran it. It holds no state.
 */
export class DebugExit implements BusTarget {
  private readonly exit: (status: number) => void;

  /** @param exit Told the status, an unsigned number. */
  constructor(exit: (status: number) => void) {
    this.exit = exit;
  }

  read(): number {
    return 0;
  }

  write(_offset: number, _size: AccessSize, value: number): void {
    this.exit(value * 2 + 1);
  }
}
