/** Host-physical memory as VMX reads it: words of RAM, all ones elsewhere. */
import { LAYOUT } from '../state.ts';

export class PhysicalWords {
  /** Words of the whole linear memory. */
  readonly words: Int32Array;
  readonly #size: number;

  /** `size`: bytes of RAM. */
  constructor(memory: WebAssembly.Memory, size: number) {
    this.words = new Int32Array(memory.buffer);
    this.#size = size;
  }

  /** Whether `bytes` bytes at a physical address are RAM. */
  has(address: number, bytes: number): boolean {
    return address >= 0 && address + bytes <= this.#size;
  }

  /** The word at a physical address (a multiple of 4). */
  readonly read = (address: number): number =>
    address < this.#size ? this.words[(LAYOUT.RAM + address) >>> 2] : -1;

  write(address: number, value: number): void {
    if (address < this.#size) this.words[(LAYOUT.RAM + address) >>> 2] = value;
  }

  byte(address: number): number {
    return (this.read(address - (address % 4)) >>> ((address % 4) * 8)) & 0xff;
  }
}
