/** Host-physical memory as the virtualization extensions read it: words of RAM, all ones elsewhere. */
import { PHYSICAL_BITS } from '../paging.ts';
import { LAYOUT } from '../state.ts';
import { WrittenPages } from '../written-pages.ts';

const PHYSICAL_HIGH = (1 << (PHYSICAL_BITS - 32)) - 1;

/** No bit beyond the physical-address width, and a multiple of `alignment`. */
export const isPhysical = (lo: number, hi: number, alignment = 1): boolean =>
  (hi & ~PHYSICAL_HIGH) === 0 && (lo & (alignment - 1)) === 0;

export class PhysicalWords {
  /** Words of the whole linear memory. */
  readonly words: Int32Array;
  readonly written: WrittenPages;
  readonly #size: number;

  /** `size`: bytes of RAM. */
  constructor(memory: WebAssembly.Memory, size: number) {
    this.words = new Int32Array(memory.buffer);
    this.written = new WrittenPages(memory);
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
    if (address >= this.#size) return;
    this.words[(LAYOUT.RAM + address) >>> 2] = value;
    this.written.mark(Math.floor(address / 0x1000));
  }

  byte(address: number): number {
    return (this.read(address - (address % 4)) >>> ((address % 4) * 8)) & 0xff;
  }
}
