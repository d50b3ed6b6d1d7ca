/** How the bytes of an XMM register are read. */
export const LANES = {
  u8x16: { bytes: 1, read: (view: DataView, at: number) => String(view.getUint8(at)) },
  u16x8: { bytes: 2, read: (view: DataView, at: number) => String(view.getUint16(at, true)) },
  u32x4: { bytes: 4, read: (view: DataView, at: number) => String(view.getUint32(at, true)) },
  u64x2: { bytes: 8, read: (view: DataView, at: number) => String(view.getBigUint64(at, true)) },
  i8x16: { bytes: 1, read: (view: DataView, at: number) => String(view.getInt8(at)) },
  i16x8: { bytes: 2, read: (view: DataView, at: number) => String(view.getInt16(at, true)) },
  i32x4: { bytes: 4, read: (view: DataView, at: number) => String(view.getInt32(at, true)) },
  i64x2: { bytes: 8, read: (view: DataView, at: number) => String(view.getBigInt64(at, true)) },
  f32x4: { bytes: 4, read: (view: DataView, at: number) => single(view.getFloat32(at, true)) },
  f64x2: { bytes: 8, read: (view: DataView, at: number) => double(view.getFloat64(at, true)) },
} as const;

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
