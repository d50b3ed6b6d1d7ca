import type { BusTarget } from '../contracts/device.ts';

/**
 * A register of two bytes. A write brings the bytes written in `value` (0 elsewhere) and tells by
 * `mask` which they are, so that registers cleared by writing ones can be written by halves.
 */
export interface WordRegister {
  read(): number;
  write(value: number, mask: number): void;
}

/** Two-byte registers one after the other, reachable by bytes and words. */
export const wordRegisters = (...registers: readonly WordRegister[]): BusTarget => ({
  widest: 2,
  read(offset, size) {
    if (size === 2 && offset & 1) return this.read(offset, 1) | (this.read(offset + 1, 1) << 8);
    const value = registers[offset >> 1].read();
    return size === 2 ? value : (value >> ((offset & 1) * 8)) & 0xff;
  },
  write(offset, size, value) {
    if (size === 2 && offset & 1) {
      this.write(offset, 1, value & 0xff);
      this.write(offset + 1, 1, value >> 8);
      return;
    }
    const shift = (offset & 1) * 8;
    registers[offset >> 1].write(value << shift, size === 2 ? 0xffff : 0xff << shift);
  },
});
