/**
 * The four shapes of SSE floating-point operands (PS, PD, SS, SD) behind one set of operations, so that
 * the conditions of the fast path are written once. A value is a vector or a single number; a test has
 * one answer a lane, which `all` brings together.
 */
import { type Expression, f32, f64, type I32, i32, select, type V128 } from '../../wasm/expression.ts';
import { f32x4, f64x2, v128 } from '../../wasm/simd.ts';
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
  /** `test ? a : b` by lane. */
  choose(test: Test, a: Value, b: Value): Value;
  /** nearest, floor, ceil, trunc: in the order of the rounding control. */
  readonly toInteger: readonly ((a: Value) => Value)[];
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
    choose: (test: Test, a: Value, b: Value) => v128.bitselect(a as V128, b as V128, test as V128),
    toInteger: [lanes.nearest, lanes.floor, lanes.ceil, lanes.trunc],
    zero: lanes.const(0),
    minimumNormal: lanes.const(minimum),
    infinity: lanes.const(infinity),
  };
}

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
    choose: (test: Test, a: Value, b: Value) => select(test as I32, a, b),
    toInteger: [numbers.nearest, numbers.floor, numbers.ceil, numbers.trunc],
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
