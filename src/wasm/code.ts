/** A growing byte buffer with the number encodings of the WebAssembly binary format (LEB128, IEEE 754). */
export class Code {
  private buffer = new Uint8Array(256);
  length = 0;

  /** The bytes written so far; a view that the next write may invalidate. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  byte(value: number): void {
    if (this.length === this.buffer.length) this.grow(1);
    this.buffer[this.length++] = value;
  }

  append(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.buffer.length) this.grow(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Unsigned LEB128, 32 bits. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128, 32 bits. */
  i32(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  /** Signed LEB128 in so many bytes, which `change` may overwrite. @returns where it is */
  fixed(value: number, bytes: number): number {
    const at = this.length;
    for (let i = 0; i < bytes; i++) this.byte(0);
    this.change(at, value, bytes);
    return at;
  }

  change(at: number, value: number, bytes: number): void {
    const bits = 7 * bytes;
    if (bits < 32 && (value << (32 - bits)) >> (32 - bits) !== value)
      throw new Error(`${value} does not fit in ${bytes} bytes`);
    for (let i = 0; i < bytes; i++) {
      const more = i < bytes - 1 ? 0x80 : 0;
      this.buffer[at + i] = ((value >> Math.min(7 * i, 31)) & 0x7f) | more;
    }
  }

  /** Signed LEB128, 64 bits. */
  i64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  f32(value: number): void {
    this.append(new Uint8Array(new Float32Array([value]).buffer));
  }

  f64(value: number): void {
    this.append(new Uint8Array(new Float64Array([value]).buffer));
  }

  /** A name: its length in bytes, then ASCII. */
  name(text: string): void {
    this.u32(text.length);
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
  }

  private grow(extra: number): void {
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + extra));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}
