/**
 * Byte-addressed physical memory of a computer or of a virtual machine, as loaders, tables builders
 * and debuggers see it. Addresses are physical, values unsigned and little-endian.
 */
export interface PhysicalMemory {
  /** Bytes of RAM, counted from address 0. */
  readonly size: number;
  /** Copies out; throws RangeError outside RAM. */
  read(address: number, length: number): Uint8Array;
  /** Copies in; throws RangeError outside RAM. */
  write(address: number, bytes: Uint8Array): void;
}
