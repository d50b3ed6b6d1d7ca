/**
 * The four shapes of SSE floating-point operands (PS, PD, SS, SD) behind one set of operations, so that
 * the conditions of the fast path are written once. A value is a vector or a single number; a test has
 * one answer a lane, which `all` brings together.
 */
import {
  type Expression,
  type F32,
  type F64,
  f32,
  f64,
  type I32,
  i32,
  i64,
  select,
  type V128,
} from '../../wasm/expression.ts';
import { f32x4, f64x2, i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import type { Arithmetic, LaneFormat } from './float-lanes.ts';
import { DOUBLES, SINGLES } from './float-lanes.ts';

type Value = Expression;
type Test = Expression;

export interface Shape {
  /** Suffix of the mnemonic. */
  readonly suffix: 'PS' | 'PD' | 'SS' | 'SD';
  readonly prefix: 'NP' | '66' | 'F3' | 'F2';
  readonly feature: 'sse' | 'sse2';
  readonly format: LaneFormat;
  /** Lanes that the instruction works on. */
  readonly lanes: number;
  /** The operand of an XMM register or memory. */
  value(v: V128): Value;
  /** The result put into the destination, whose other lanes stay. */
  merge(destination: V128, result: Value): V128;
  arithmetic(operation: Arithmetic, a: Value, b: Value): Value;
  abs(a: Value): Value;
  lt(a: Value, b: Value): Test;
  le(a: Value, b: Value): Test;
  eq(a: Value, b: Value): Test;
  and(a: Test, b: Test): Test;
  or(a: Test, b: Test): Test;
  all(a: Test): I32;
  /** `a < b ? a : b` and `b < a ? a : b` by lane, as MIN and MAX have it for NaNs and zeros. */
  min(a: Value, b: Value): Value;
  max(a: Value, b: Value): Value;
  /** nearest, floor, ceil, trunc: in the order of the rounding control. */
  readonly toInteger: readonly ((a: Value) => Value)[];
  /**
   * 0 when all are of middling size: magnitudes from 2^-511 to 2^513, or 2^-63 to 2^65 for singles. No sum
   * or root of such numbers is denormal or infinite. With `positive`, negative numbers are outside, too.
   */
  outside(values: readonly Value[], positive?: boolean): I32;
  /**
   * 0 when all are of magnitudes from 2^-255 to 2^257, or 2^-31 to 2^33 for singles: no product or quotient of
   * two of them is out of the range of normal numbers.
   */
  outsideOfFactors(values: readonly Value[]): I32;
  /** The same with zeros inside. */
  outsideButZero(values: readonly Value[]): I32;
  number(x: number): Value;
  readonly zero: Value;
  readonly minimumNormal: Value;
  readonly infinity: Value;
}

// biome-ignore lint/suspicious/noExplicitAny: each shape's operations take its own kind of value
type Lanes = Record<string, (...args: any[]) => any>;

const arithmeticOf =
  (lanes: Lanes) =>
  (operation: Arithmetic, a: Value, b: Value): Value =>
    operation === 'sqrt' ? lanes.sqrt(b) : lanes[operation](a, b);

const constants = {
  Single: [2 ** -126, Number.POSITIVE_INFINITY],
  Double: [2 ** -1022, Number.POSITIVE_INFINITY],
};

/** Added to the upper 32 bits of a middling number, this clears bit 30; it sets it in those of others. */
const TO_MIDDLE = -0x2000_0000;
const OUTSIDE = 0x4000_0000;
/** The same with bits 30 and 29 for numbers that may be factors. */
const TO_FACTORS = -0x3000_0000;
const OUTSIDE_FACTORS = 0x6000_0000;

function packedOutside(format: LaneFormat, isZero: (a: V128) => V128) {
  const lanes = format.lanes === 4 ? i32x4 : i64x2;
  const constant = (upper: number): V128 =>
    format.lanes === 4 ? i32x4.const(upper) : i64x2.const(BigInt(upper) << 32n);
  const moveBy =
    (by: number) =>
    (a: V128): V128 =>
      lanes.add(a, constant(by));
  const move = moveBy(TO_MIDDLE);
  /** Bit 30 or 62 becomes the sign. */
  const toSign = (a: V128): V128 => lanes.shl(a, i32.const(1));
  const any = (values: readonly Value[], each: (a: V128) => V128): V128 =>
    (values as V128[]).map(each).reduce((a, b) => v128.or(a, b));
  return {
    outside: (values: readonly Value[], positive = false): I32 => {
      const moved = any(values, move);
      return lanes.bitmask(positive ? v128.or(moved, toSign(moved)) : toSign(moved));
    },
    outsideOfFactors: (values: readonly Value[]): I32 =>
      v128.any_true(v128.and(any(values, moveBy(TO_FACTORS)), constant(OUTSIDE_FACTORS))),
    outsideButZero: (values: readonly Value[]): I32 =>
      lanes.bitmask(any(values, (a) => v128.andnot(toSign(move(a)), isZero(a)))),
  };
}

function scalarOutside(upperHalf: (a: Value) => I32, isNotZero: (a: Value) => I32) {
  const moveBy =
    (by: number) =>
    (a: Value): I32 =>
      i32.add(upperHalf(a), i32.const(by));
  const move = moveBy(TO_MIDDLE);
  const any = (values: readonly Value[], each: (a: Value) => I32): I32 =>
    values.map(each).reduce((a, b) => i32.or(a, b));
  return {
    outside: (values: readonly Value[], positive = false): I32 =>
      i32.and(any(values, move), i32.const(positive ? OUTSIDE | (1 << 31) : OUTSIDE)),
    outsideOfFactors: (values: readonly Value[]): I32 =>
      i32.and(any(values, moveBy(TO_FACTORS)), i32.const(OUTSIDE_FACTORS)),
    outsideButZero: (values: readonly Value[]): I32 =>
      any(values, (a) => i32.and(i32.shr_u(move(a), i32.const(30)), isNotZero(a))),
  };
}

function packed(format: LaneFormat, lanes: Lanes) {
  const [minimum, infinity] = constants[format.name];
  return {
    format,
    lanes: format.lanes,
    value: (v: V128) => v,
    merge: (_: V128, result: Value) => result as V128,
    arithmetic: arithmeticOf(lanes),
    abs: lanes.abs,
    lt: lanes.lt,
    le: lanes.le,
    eq: lanes.eq,
    and: (a: Test, b: Test) => v128.and(a as V128, b as V128),
    or: (a: Test, b: Test) => v128.or(a as V128, b as V128),
    all: (a: Test) => i32.eqz(v128.any_true(v128.not(a as V128))),
    min: (a: Value, b: Value) => lanes.pmin(b, a),
    max: (a: Value, b: Value) => lanes.pmax(b, a),
    toInteger: [lanes.nearest, lanes.floor, lanes.ceil, lanes.trunc],
    ...packedOutside(format, (a) => lanes.eq(a, lanes.const(0))),
    number: (x: number) => lanes.const(x),
    zero: lanes.const(0),
    minimumNormal: lanes.const(minimum),
    infinity: lanes.const(infinity),
  };
}

const bitsOfSingle = (a: Value): I32 => i32.reinterpret_f32(a as F32);
const upperOfDouble = (a: Value): I32 =>
  i32.wrap_i64(i64.shr_u(i64.reinterpret_f64(a as F64), i64.const(32)));

function scalar(format: LaneFormat, lanes: Lanes, numbers: Lanes) {
  const [minimum, infinity] = constants[format.name];
  return {
    format,
    lanes: 1,
    value: (v: V128) => lanes.extract_lane(v, 0),
    merge: (destination: V128, result: Value) => lanes.replace_lane(destination, 0, result),
    arithmetic: arithmeticOf(numbers),
    abs: numbers.abs,
    lt: numbers.lt,
    le: numbers.le,
    eq: numbers.eq,
    and: (a: Test, b: Test) => i32.and(a as I32, b as I32),
    or: (a: Test, b: Test) => i32.or(a as I32, b as I32),
    all: (a: Test) => a as I32,
    min: (a: Value, b: Value) => select(numbers.lt(a, b), a, b),
    max: (a: Value, b: Value) => select(numbers.lt(b, a), a, b),
    toInteger: [numbers.nearest, numbers.floor, numbers.ceil, numbers.trunc],
    ...scalarOutside(format.lanes === 4 ? bitsOfSingle : upperOfDouble, (a) =>
      numbers.ne(a, numbers.const(0)),
    ),
    number: (x: number) => numbers.const(x),
    zero: numbers.const(0),
    minimumNormal: numbers.const(minimum),
    infinity: numbers.const(infinity),
  };
}

export const PS: Shape = { suffix: 'PS', prefix: 'NP', feature: 'sse', ...packed(SINGLES, f32x4) };
export const PD: Shape = { suffix: 'PD', prefix: '66', feature: 'sse2', ...packed(DOUBLES, f64x2) };
export const SS: Shape = { suffix: 'SS', prefix: 'F3', feature: 'sse', ...scalar(SINGLES, f32x4, f32) };
export const SD: Shape = { suffix: 'SD', prefix: 'F2', feature: 'sse2', ...scalar(DOUBLES, f64x2, f64) };

export const SHAPES: readonly Shape[] = [PS, PD, SS, SD];

/** Neither denormal nor NaN, lane by lane. */
export const ordinary = (s: Shape, a: Value): Test => s.or(s.le(s.minimumNormal, s.abs(a)), s.eq(a, s.zero));

/** Neither infinite nor NaN. */
export const finite = (s: Shape, a: Value): Test => s.lt(s.abs(a), s.infinity);

/** Operands of the shape: `Vps,Wps`, `Vss,Wss`. */
export const operandsOf = (s: Shape): string => {
  const width = s.suffix.toLowerCase();
  return `V${width},W${width}`;
};

/** Only packed memory operands must be aligned. */
export const attributesOf = (s: Shape): string => (s.lanes === 1 ? 'sse modify' : 'sse align modify');
