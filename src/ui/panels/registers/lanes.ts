/** How bytes of an XMM register are read and written. */
interface LaneFormat {
  readonly bytes: number;
  /** Characters that a value has at most. */
  readonly digits: number;
  readonly read: (view: DataView, at: number) => string;
  /** False: the text is no value of this kind. */
  readonly write: (view: DataView, at: number, text: string) => boolean;
}

/** Written in decimal, or in hexadecimal after 0x. */
function integers(bits: 8 | 16 | 32 | 64, isSigned: boolean): LaneFormat {
  const [as, bytes] = [isSigned ? BigInt.asIntN : BigInt.asUintN, bits / 8];
  const whole = (view: DataView, at: number): bigint =>
    numberOf(new Uint8Array(view.buffer, view.byteOffset + at, bytes));
  return {
    bytes,
    digits: String(2n ** BigInt(bits)).length + 1,
    read: (view, at) => String(as(bits, whole(view, at))),
    write: (view, at, text) => {
      if (!/^(-?\d+|0x[\da-f]+)$/i.test(text.trim())) return false;
      const value = BigInt(text.trim());
      // In hexadecimal it is bits, whatever the sign.
      const fits = as(bits, value) === value || (/x/i.test(text) && BigInt.asUintN(bits, value) === value);
      for (let n = 0; fits && n < bytes; n++) view.setUint8(at + n, Number((value >> BigInt(8 * n)) & 0xffn));
      return fits;
    },
  };
}

/** Written in decimal, NaN and Infinity among them. */
function reals(bits: 32 | 64): LaneFormat {
  return {
    bytes: bits / 8,
    digits: 24,
    read: (view, at) => (bits === 32 ? single(view.getFloat32(at, true)) : double(view.getFloat64(at, true))),
    write: (view, at, text) => {
      const value = Number(text.trim());
      if (text.trim() === '' || (Number.isNaN(value) && text.trim() !== 'NaN')) return false;
      if (bits === 32) view.setFloat32(at, value, true);
      else view.setFloat64(at, value, true);
      return true;
    },
  };
}

export const LANES = {
  u8x16: integers(8, false),
  u16x8: integers(16, false),
  u32x4: integers(32, false),
  u64x2: integers(64, false),
  i8x16: integers(8, true),
  i16x8: integers(16, true),
  i32x4: integers(32, true),
  i64x2: integers(64, true),
  f32x4: reals(32),
  f64x2: reals(64),
} as const satisfies Record<string, LaneFormat>;

export type Lanes = keyof typeof LANES;

export interface Lane {
  /** 0 is the lowest. */
  readonly lane: number;
  readonly value: string;
}

/** The lanes of a register, the highest first, as the manuals draw them. */
export function lanesOf(bytes: Uint8Array, lanes: Lanes): Lane[] {
  const { bytes: size, read } = LANES[lanes];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / size;
  return Array.from({ length: count }, (_, n) => {
    const lane = count - 1 - n;
    return { lane, value: read(view, lane * size) };
  });
}

/** The register with another value in a lane. Undefined: the text is no value of this kind. */
export function withLane(
  bytes: Uint8Array,
  lanes: Lanes,
  lane: number,
  text: string,
): Uint8Array | undefined {
  const changed = bytes.slice();
  const { bytes: size, write } = LANES[lanes];
  return write(new DataView(changed.buffer), lane * size, text) ? changed : undefined;
}

/** Bytes as one number, the lowest first. */
export const numberOf = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);

/** The shortest decimal that is this single. */
function single(value: number): string {
  if (!Number.isFinite(value)) return double(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return double(Object.is(value, -0) ? -0 : text);
  }
  return double(Number(value.toPrecision(9)));
}

const double = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
