import { hex, ImageError } from './image-error.ts';

/**
 * Little-endian view of a file or of a structure in it. Every access is checked: what lies past the
 * end throws an `ImageError` of code `truncated` that names the structure.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Name of the structure for messages, such as "ELF header". */
  readonly what: string;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, what: string) {
    // A plain view: Node's Buffer, a subclass, has a slice() that does not copy.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.what = what;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  /** The `length` bytes at `offset` as a structure of their own; no copy. */
  part(offset: number, length: number, what: string): ByteReader {
    this.#check(offset, length, what);
    return new ByteReader(this.bytes.subarray(offset, offset + length), what);
  }

  u8(offset: number): number {
    this.#check(offset, 1, this.what);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.#check(offset, 2, this.what);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    this.#check(offset, 4, this.what);
    return this.#view.getUint32(offset, true);
  }

  /** A 64-bit field as a number: exact up to 2^53, and past that still greater than any RAM. */
  u64(offset: number): number {
    return this.u32(offset) + this.u32(offset + 4) * 0x1_0000_0000;
  }

  /** A 64-bit field to the last bit, for virtual addresses. */
  u64Exact(offset: number): bigint {
    this.#check(offset, 8, this.what);
    return this.#view.getBigUint64(offset, true);
  }

  #check(offset: number, length: number, what: string): void {
    if (offset + length <= this.length) return;
    throw new ImageError({
      code: 'truncated',
      found: `The ${what} needs the bytes ${hex(offset)}..${hex(offset + length)}, but the ${this.what} ends at ${hex(this.length)}`,
      accepted: 'a complete file',
      advice: 'Copy or download it again.',
    });
  }
}
