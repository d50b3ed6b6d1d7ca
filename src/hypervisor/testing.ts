/** Host memory for tests that need no processor. */
import type { HostMemory } from '../contracts/host-cpu.ts';

export class FakeMemory implements HostMemory {
  readonly size: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  read32(address: number): number {
    return address < this.size ? this.view.getUint32(address, true) : 0xffff_ffff;
  }

  write32(address: number, value: number): void {
    this.view.setUint32(address, value, true);
  }

  read(address: number, length: number): Uint8Array {
    return this.bytes.slice(address, address + length);
  }

  write(address: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, address);
  }

  fill(address: number, length: number, value: number): void {
    this.bytes.fill(value, address, address + length);
  }
}
