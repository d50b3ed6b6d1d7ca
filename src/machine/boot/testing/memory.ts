import type { PhysicalMemory } from '../../../contracts/memory.ts';

/** RAM for tests: an array, with a record of what was written. */
export class TestMemory implements PhysicalMemory {
  readonly bytes: Uint8Array;
  readonly writes: { address: number; length: number }[] = [];

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  get size(): number {
    return this.bytes.length;
  }

  read(address: number, length: number): Uint8Array {
    this.#check(address, length);
    return this.bytes.slice(address, address + length);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#check(address, bytes.length);
    this.bytes.set(bytes, address);
    this.writes.push({ address, length: bytes.length });
  }

  u32(address: number): number {
    return new DataView(this.bytes.buffer).getUint32(address, true);
  }

  /** A 64-bit field that holds less than 2^53. */
  u64(address: number): number {
    return this.u32(address) + this.u32(address + 4) * 0x1_0000_0000;
  }

  /** The zero-terminated string at an address. */
  string(address: number): string {
    return String.fromCharCode(...this.bytes.subarray(address, this.bytes.indexOf(0, address)));
  }

  #check(address: number, length: number): void {
    if (!Number.isInteger(address) || address < 0 || address + length > this.size) {
      throw new RangeError(`${address}..${address + length} is not RAM`);
    }
  }
}
