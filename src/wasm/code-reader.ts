/** Reads what `Code` writes. */

/** Bytes that are no function body, or one with an instruction that is not known here. */
export class WasmTextError extends Error {
  /** Where in the body, in bytes. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message}, at byte ${offset}`);
    this.name = 'WasmTextError';
    this.offset = offset;
  }
}

export class CodeReader {
  position = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.position === this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.take(1)];
  }

  /** Unsigned LEB128, 32 bits. */
  u32(): number {
    return Number(BigInt.asUintN(32, this.leb(5, false)));
  }

  /** Signed LEB128, 32 bits. */
  i32(): number {
    return Number(BigInt.asIntN(32, this.leb(5, true)));
  }

  /** Signed LEB128, 64 bits. */
  i64(): bigint {
    return BigInt.asIntN(64, this.leb(10, true));
  }

  f32(): number {
    return this.view.getFloat32(this.take(4), true);
  }

  f64(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  /** Bits of a number of 32 or 64 bits, unsigned: NaNs differ only there. */
  bits(width: 32 | 64): bigint {
    const at = this.take(width / 8);
    return width === 32 ? BigInt(this.view.getUint32(at, true)) : this.view.getBigUint64(at, true);
  }

  /** @param longest in bytes */
  private leb(longest: number, signed: boolean): bigint {
    const start = this.position;
    let value = 0n;
    for (let bits = 7; ; bits += 7) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << BigInt(bits - 7);
      if ((byte & 0x80) === 0) return signed ? BigInt.asIntN(bits, value) : value;
      if (this.position - start === longest) {
        throw new WasmTextError(`a number of more than ${longest} bytes`, start);
      }
    }
  }

  private take(length: number): number {
    const at = this.position;
    if (at + length > this.bytes.length) throw new WasmTextError('the body ends within an instruction', at);
    this.position += length;
    return at;
  }
}
