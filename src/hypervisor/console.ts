/** The console of a VM: reached by its serial port, or by hypercalls once the guest uses them. */

import type { Stateful } from '../contracts/state.ts';

/** Input that a guest has not read; older bytes are dropped first. */
const INPUT_LIMIT = 4096;

export interface SavedConsole {
  readonly input: readonly number[];
  readonly byHypercall: boolean;
}

export class VmConsole implements Stateful<SavedConsole> {
  private readonly output: (byte: number) => void;
  private readonly serial: (bytes: readonly number[]) => void;
  private input: number[] = [];
  private byHypercall = false;

  /** `serial`: hands bytes to the serial port. */
  constructor(output: (byte: number) => void, serial: (bytes: readonly number[]) => void) {
    this.output = output;
    this.serial = serial;
  }

  write(byte: number): void {
    this.output(byte);
  }

  /** Bytes typed by the user. Until the guest has shown that it reads by hypercall, the serial port gets them too. */
  type(bytes: readonly number[]): void {
    this.input.push(...bytes);
    if (this.input.length > INPUT_LIMIT) this.input = this.input.slice(-INPUT_LIMIT);
    if (!this.byHypercall) this.serial(bytes);
  }

  save(): SavedConsole {
    return { input: [...this.input], byHypercall: this.byHypercall };
  }

  restore(saved: SavedConsole): void {
    this.input = [...saved.input];
    this.byHypercall = saved.byHypercall;
  }

  /** What a CONSOLE_READ hypercall gets. */
  take(count: number): Uint8Array {
    this.byHypercall = true;
    return Uint8Array.from(this.input.splice(0, count));
  }
}
