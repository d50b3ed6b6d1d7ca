import type { HostMemory } from '../../contracts/host-cpu.ts';
import { LAYOUT } from '../state.ts';

/** Host-physical RAM for software in ring -1; `written` hears of every change (decoded code may lie there). */
export class RamForHost implements HostMemory {
  readonly size: number;
  private readonly u8: Uint8Array;
  private readonly u32: Uint32Array;
  private readonly written: (address: number, bytes: number) => void;

  constructor(memory: WebAssembly.Memory, size: number, written: (address: number, bytes: number) => void) {
    this.size = size;
    this.u8 = new Uint8Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.written = written;
  }

  read32(address: number): number {
    return address < this.size ? this.u32[(LAYOUT.RAM + address) >>> 2] : 0xffff_ffff;
  }

  write32(address: number, value: number): void {
    if (address >= this.size) return;
    this.u32[(LAYOUT.RAM + address) >>> 2] = value;
    this.written(address, 4);
  }

  read(address: number, length: number): Uint8Array {
    this.check(address, length);
    return this.u8.slice(LAYOUT.RAM + address, LAYOUT.RAM + address + length);
  }

  write(address: number, bytes: Uint8Array): void {
    this.check(address, bytes.length);
    this.u8.set(bytes, LAYOUT.RAM + address);
    this.changed(address, bytes.length);
  }

  fill(address: number, length: number, value: number): void {
    this.check(address, length);
    this.u8.fill(value, LAYOUT.RAM + address, LAYOUT.RAM + address + length);
    this.changed(address, length);
  }

  /** Tells of a change page by page. */
  private changed(address: number, length: number): void {
    for (let at = address; at < address + length; ) {
      const end = Math.min(address + length, (Math.floor(at / 0x1000) + 1) * 0x1000);
      this.written(at, end - at);
      at = end;
    }
  }

  private check(address: number, length: number): void {
    if (address >= 0 && address + length <= this.size) return;
    const range = `${address.toString(16)}h..${(address + length).toString(16)}h`;
    throw new RangeError(`physical memory ${range} is outside RAM of ${this.size.toString(16)}h bytes`);
  }
}
