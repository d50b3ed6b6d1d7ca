/** The computer's RAM for loaders, debuggers and the hypervisor: writes drop decoded code. */
import type { PhysicalMemory } from '../contracts/memory.ts';
import type { CodeCache } from '../cpu/code-cache.ts';
import { LAYOUT } from '../cpu/state.ts';

const PAGE = 0x1000;

export class Ram implements PhysicalMemory {
  readonly size: number;
  private readonly bytes: Uint8Array;
  private readonly code: CodeCache;

  constructor(memory: WebAssembly.Memory, size: number, code: CodeCache) {
    this.size = size;
    this.bytes = new Uint8Array(memory.buffer, LAYOUT.RAM, size);
    this.code = code;
  }

  read(address: number, length: number): Uint8Array {
    this.check(address, length);
    return this.bytes.slice(address, address + length);
  }

  write(address: number, bytes: Uint8Array): void {
    this.check(address, bytes.length);
    this.bytes.set(bytes, address);
    for (let at = address; at < address + bytes.length; ) {
      const end = Math.min(address + bytes.length, (Math.floor(at / PAGE) + 1) * PAGE);
      this.code.written(at, end - at);
      at = end;
    }
  }

  private check(address: number, length: number): void {
    if (address < 0 || length < 0 || address + length > this.size) {
      throw new RangeError(
        `physical memory ends at ${this.size.toString(16)}h: ${length} bytes at ${address.toString(16)}h are outside`,
      );
    }
  }
}
