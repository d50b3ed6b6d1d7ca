/**
 * Packed-integer operations that WebAssembly has no single instruction for, composed exactly (SDM
 * volume 2, the "Operation" section of the instruction each is named after). Arguments are locals.
 */
import { type I32, i32, i64, select, type V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import { i8x16, i16x8, i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import type { PackedBinary } from './rows.ts';

export const ZERO = i32x4.const(0);

/** 0, 1, .. 15: the identity pattern of a byte swizzle. */
export const IOTA = i8x16.const(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

const bytes = (count: number, at: (i: number) => number): number[] =>
  Array.from({ length: count }, (_, i) => at(i));

/** A shuffle of 16-bit lanes: 0..7 of `a`, 8..15 of `b`. */
export const shuffleWords = (a: V128, b: V128, lanes: readonly number[]): V128 =>
  i8x16.shuffle(
    a,
    b,
    bytes(16, (i) => lanes[i >> 1] * 2 + (i & 1)),
  );

/** A shuffle of 32-bit lanes: 0..3 of `a`, 4..7 of `b`. */
export const shuffleDwords = (a: V128, b: V128, lanes: readonly number[]): V128 =>
  i8x16.shuffle(
    a,
    b,
    bytes(16, (i) => lanes[i >> 2] * 4 + (i & 3)),
  );

/** A shuffle of 64-bit lanes: 0..1 of `a`, 2..3 of `b`. */
export const shuffleQwords = (a: V128, b: V128, lanes: readonly number[]): V128 =>
  i8x16.shuffle(
    a,
    b,
    bytes(16, (i) => lanes[i >> 3] * 8 + (i & 7)),
  );

/** Lanes of `size` bytes of the low (`half` 0) or high (1) halves of `a` and `b`, alternating. */
export const unpack =
  (size: number, half: number): PackedBinary =>
  (a, b) =>
    i8x16.shuffle(
      a,
      b,
      bytes(16, (i) => {
        const lane = Math.floor(i / size);
        return (lane & 1) * 16 + half * 8 + (lane >> 1) * size + (i % size);
      }),
    );

/** The low halves of `a` and `b` as one vector: MMX operands side by side. */
export const join: PackedBinary = (a, b) => shuffleQwords(a, b, [0, 2]);

/** High 16 bits of the 32-bit products. */
export const multiplyHigh =
  (low: PackedBinary, high: PackedBinary): PackedBinary =>
  (a, b, f) =>
    shuffleWords(low(a, b, f), high(a, b, f), [1, 3, 5, 7, 9, 11, 13, 15]);

/** The even 32-bit lanes, to be multiplied to 64 bits. */
export const evenDwords = (a: V128): V128 => shuffleDwords(a, a, [0, 2, 0, 2]);

export const sumOfAbsoluteDifferences: PackedBinary = (a, b, f) => {
  const differences = i8x16.sub(i8x16.max_u(a, b), i8x16.min_u(a, b));
  const sums = f.let(i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(differences)));
  return i64x2.add(i64x2.shr_u(sums, i32.const(32)), v128.and(sums, i64x2.const(0xffff_ffffn)));
};

/** PMULHRSW: WebAssembly's rounding multiply saturates the one product that overflows; this wraps. */
export const multiplyHighRounded: PackedBinary = (a, b) => {
  const minimum = i16x8.const(-0x8000);
  const overflows = i16x8.eq(v128.and(a, b), minimum);
  const bothMinimum = v128.and(overflows, v128.and(i16x8.eq(a, minimum), i16x8.eq(b, minimum)));
  return v128.xor(i16x8.q15mulr_sat_s(a, b), bothMinimum);
};

/** PMADDUBSW: unsigned bytes of `a` by signed bytes of `b`, neighbours added with saturation. */
export const multiplyAddBytes: PackedBinary = (a, b) => {
  const eight = i32.const(8);
  const even = i16x8.mul(v128.and(a, i16x8.const(0xff)), i16x8.shr_s(i16x8.shl(b, eight), eight));
  const odd = i16x8.mul(i16x8.shr_u(a, eight), i16x8.shr_s(b, eight));
  return i16x8.add_sat_s(even, odd);
};

/** PHADD and PHSUB: even lanes combined with odd lanes, first those of `a`, then those of `b`. */
export const horizontalWords =
  (operation: (even: V128, odd: V128) => V128): PackedBinary =>
  (a, b) =>
    operation(
      shuffleWords(a, b, [0, 2, 4, 6, 8, 10, 12, 14]),
      shuffleWords(a, b, [1, 3, 5, 7, 9, 11, 13, 15]),
    );

export const horizontalDwords =
  (operation: (even: V128, odd: V128) => V128): PackedBinary =>
  (a, b) =>
    operation(shuffleDwords(a, b, [0, 2, 4, 6]), shuffleDwords(a, b, [1, 3, 5, 7]));

interface SignedLanes {
  eq(a: V128, b: V128): V128;
  lt_s(a: V128, b: V128): V128;
  sub(a: V128, b: V128): V128;
}

/** PSIGN: lanes of `a` negated, kept or cleared by the sign of those of `b`. */
export const applySign =
  (lanes: SignedLanes): PackedBinary =>
  (a, b, f) => {
    const negative = f.let(lanes.lt_s(b, ZERO));
    return v128.andnot(lanes.sub(v128.xor(a, negative), negative), lanes.eq(b, ZERO));
  };

type Shift = (a: V128, count: I32) => V128;

/** A logical shift by a 64-bit count: 0 when it reaches the lane's width. */
export const shiftLogical =
  (shift: Shift, width: number) =>
  (a: V128, count: V128, f: FunctionBuilder): V128 => {
    const n = f.let(i64x2.extract_lane(count, 0));
    return select(i64.lt_u(n, i64.const(width)), shift(a, i32.wrap_i64(n)), ZERO);
  };

/** An arithmetic shift by a 64-bit count: all sign bits when it reaches the lane's width. */
export const shiftArithmetic =
  (shift: Shift, width: number) =>
  (a: V128, count: V128, f: FunctionBuilder): V128 => {
    const n = f.let(i64x2.extract_lane(count, 0));
    const inside = i64.lt_u(n, i64.const(width));
    return shift(a, select(inside, i32.wrap_i64(n), i32.const(width - 1)));
  };

/** min(n, limit), unsigned. */
export const atMost = (n: I32, limit: number): I32 =>
  select(i32.lt_u(n, i32.const(limit)), n, i32.const(limit));

/** PSLLDQ, PSRLDQ: the whole register by bytes. */
export const shiftBytesLeft = (a: V128, count: I32): V128 =>
  i8x16.swizzle(a, i8x16.sub(IOTA, i8x16.splat(atMost(count, 16))));
export const shiftBytesRight = (a: V128, count: I32): V128 =>
  i8x16.swizzle(a, i8x16.add(IOTA, i8x16.splat(atMost(count, 16))));

/** PALIGNR: `high` and `low` side by side, shifted right by bytes. */
export const alignRight = (high: V128, low: V128, count: I32, f: FunctionBuilder): V128 => {
  const from = f.let(i8x16.add(IOTA, i8x16.splat(atMost(count, 32))));
  return v128.or(i8x16.swizzle(low, from), i8x16.swizzle(high, i8x16.sub(from, i8x16.const(16))));
};

/**
 * Byte pattern of a shuffle of four 32-bit lanes by four 2-bit fields of `immediate`. The
 * multiplication brings each field to bits 7:6 of its lane.
 */
export const dwordPattern = (immediate: I32): V128 => {
  const fields = i32x4.shr_u(i32x4.mul(i32x4.splat(immediate), i32x4.const(64, 16, 4, 1)), i32.const(6));
  const lanes = v128.and(fields, i32x4.const(3));
  return i32x4.add(i32x4.mul(lanes, i32x4.const(0x0404_0404)), i32x4.const(0x0302_0100));
};

/** Byte pattern of a shuffle of the low or high four 16-bit lanes; the other four stay. */
export const wordPattern = (immediate: I32, high: boolean): V128 => {
  const fields = i16x8.shr_u(i16x8.mul(i16x8.splat(immediate), i16x8.const(64, 16, 4, 1)), i32.const(6));
  const lanes = i16x8.mul(v128.and(fields, i16x8.const(3)), i16x8.const(0x0202));
  const base = high ? 0x0908 : 0x0100;
  const pattern = i16x8.add(lanes, i16x8.const(base));
  return high ? shuffleQwords(IOTA, pattern, [0, 3]) : shuffleQwords(pattern, IOTA, [0, 3]);
};

/** All-ones lanes where the bit of `immediate` with the lane's number is set. */
export const laneMask = {
  words: (immediate: I32): V128 => {
    const bits = i16x8.const(1, 2, 4, 8, 16, 32, 64, 128);
    return i16x8.eq(v128.and(i16x8.splat(immediate), bits), bits);
  },
  dwords: (immediate: I32): V128 => {
    const bits = i32x4.const(1, 2, 4, 8);
    return i32x4.eq(v128.and(i32x4.splat(immediate), bits), bits);
  },
  qwords: (immediate: I32): V128 => {
    const bits = i64x2.const(1n, 2n);
    return i64x2.eq(v128.and(i64x2.splat(i64.extend_i32_u(immediate)), bits), bits);
  },
};
