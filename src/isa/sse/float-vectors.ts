/** Vectors of a lane format: its operations, and kinds of its numbers as masks of lanes. */
import { type I32, i32, type V128 } from '../../wasm/expression.ts';
import { f32x4, f64x2, i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import { EXCEPTION } from '../float/workspace.ts';
import type { LaneFormat } from './float-lanes.ts';

const VECTORS = {
  Single: {
    ...f32x4,
    minimumNormal: f32x4.const(2 ** -126),
    infinity: f32x4.const(Number.POSITIVE_INFINITY),
    sign: i32x4.const(-0x8000_0000),
    quiet: i32x4.const(0x40_0000),
    /** What an invalid operation gives: SDM volume 1, "QNaN Floating-Point Indefinite". */
    indefinite: i32x4.const(-0x40_0000),
    equalBits: i32x4.eq,
  },
  Double: {
    ...f64x2,
    minimumNormal: f64x2.const(2 ** -1022),
    infinity: f64x2.const(Number.POSITIVE_INFINITY),
    sign: i64x2.const(-(1n << 63n)),
    quiet: i64x2.const(1n << 51n),
    indefinite: i64x2.const(-(1n << 51n)),
    equalBits: i64x2.eq,
  },
};

export const vectors = (format: LaneFormat): (typeof VECTORS)[keyof typeof VECTORS] => VECTORS[format.name];

export const nans = (format: LaneFormat, a: V128): V128 => vectors(format).ne(a, a);

export const infinities = (format: LaneFormat, a: V128): V128 => {
  const v = vectors(format);
  return v.eq(v.abs(a), v.infinity);
};

/** Neither infinite nor a NaN. */
export const finites = (format: LaneFormat, a: V128): V128 => {
  const v = vectors(format);
  return v.lt(v.abs(a), v.infinity);
};

export const zeros = (format: LaneFormat, a: V128): V128 => {
  const v = vectors(format);
  return v.eq(a, v.const(0));
};

export function denormals(format: LaneFormat, a: V128): V128 {
  const v = vectors(format);
  return v128.and(v.lt(v.abs(a), v.minimumNormal), v.ne(a, v.const(0)));
}

/** Signaling ones among the NaNs `nan` of `a`. */
export function signalingNans(format: LaneFormat, a: V128, nan: V128): V128 {
  const v = vectors(format);
  return v128.and(nan, v.equalBits(v128.and(a, v.quiet), v.const(0)));
}

/** The exception flag when any lane is set. */
export const flagIfAny = (lanes: V128, flag: keyof typeof EXCEPTION): I32 =>
  i32.mul(v128.any_true(lanes), i32.const(EXCEPTION[flag]));
