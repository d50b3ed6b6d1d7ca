import type { Stateful } from '../contracts/state.ts';

/**
 * A guest's console on a stream that cannot take anything back. When time has gone back, what is written again
 * on the way forward is not printed again; from the first byte that is another one on, everything is.
 */
export class PrintedOutput implements Stateful<number> {
  readonly #print: (byte: number) => void;
  #written: number[] = [];
  /** Bytes written until the present instant. */
  #length = 0;

  constructor(print: (byte: number) => void) {
    this.#print = print;
  }

  readonly write = (byte: number): void => {
    const again = this.#written[this.#length++];
    if (again === byte) return;
    if (again !== undefined) this.#written = this.#written.slice(0, this.#length - 1);
    this.#written.push(byte);
    this.#print(byte);
  };

  save(): number {
    return this.#length;
  }

  restore(length: number): void {
    this.#length = length;
  }
}
