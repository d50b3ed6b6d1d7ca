/** A VMCB, or a host-save area, which has the same layout here: its fields as words of host-physical memory. */
import type { VmcbField } from '../../arch/vmcb.ts';
import { LAYOUT } from '../state.ts';

export class Vmcb {
  private readonly bytes: DataView;
  private readonly written: (address: number, bytes: number) => void;
  /** Hears of every field that is read or written. */
  listener: ((field: VmcbField, how: 'read' | 'written') => void) | undefined;
  /** Host-physical address. */
  private address = 0;

  /** @param written is told of each write, by host-physical address */
  constructor(memory: WebAssembly.Memory, written: (address: number, bytes: number) => void) {
    this.bytes = new DataView(memory.buffer);
    this.written = written;
  }

  /** Uses the page at a host-physical address in RAM. */
  select(address: number): void {
    this.address = address;
  }

  /** Bits 31:0, signed as all 32-bit halves are here; narrower fields are extended by zeros. */
  lo(field: VmcbField): number {
    this.listener?.(field, 'read');
    const { offset, width } = field;
    const at = LAYOUT.RAM + this.address + offset;
    if (width === 1) return this.bytes.getUint8(at);
    return width === 2 ? this.bytes.getUint16(at, true) : this.bytes.getInt32(at, true);
  }

  /** Bits 63:32 of a field of 8 bytes. */
  hi({ offset }: VmcbField): number {
    return this.bytes.getInt32(LAYOUT.RAM + this.address + offset + 4, true);
  }

  /** A field of 8 bytes as a number; exact up to 2^53 (addresses). */
  number(field: VmcbField): number {
    return (this.hi(field) >>> 0) * 0x1_0000_0000 + (this.lo(field) >>> 0);
  }

  /** Zero-extended. */
  value(field: VmcbField): bigint {
    const hi = field.width === 8 ? BigInt(this.hi(field) >>> 0) << 32n : 0n;
    return hi | BigInt(this.lo(field) >>> 0);
  }

  set(field: VmcbField, lo: number, hi = 0): void {
    this.listener?.(field, 'written');
    const { offset, width } = field;
    const at = LAYOUT.RAM + this.address + offset;
    if (width === 1) this.bytes.setUint8(at, lo);
    else if (width === 2) this.bytes.setUint16(at, lo, true);
    else this.bytes.setInt32(at, lo, true);
    if (width === 8) this.bytes.setInt32(at + 4, hi, true);
    this.written(this.address + offset, width);
  }

  setNumber(field: VmcbField, value: number): void {
    this.set(field, value | 0, Math.floor(value / 0x1_0000_0000) | 0);
  }

  /** Bit `code` of the string of bits that the VMCB begins with: whether it asks for exits with that code. */
  intercepts(code: number): boolean {
    return ((this.bytes.getUint8(LAYOUT.RAM + this.address + (code >> 3)) >> (code & 7)) & 1) !== 0;
  }
}
