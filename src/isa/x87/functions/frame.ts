/**
 * What the transcendental functions in this folder have in common. Each computes one function of the
 * numbers in A and B in double-double arithmetic, to about 2^-98, and returns its flags; or it returns
 * NOT_HERE for the operands that src/cpu/x87 has to look at: zeros, infinities, results that are exact.
 */
import { type F64, f64, type I32, type I64, i32, i64, select } from '../../../wasm/expression.ts';
import type { FunctionBuilder } from '../../../wasm/function.ts';
import type { LibraryFunction, LibraryUser } from '../../definition.ts';
import { constant, FRACTION_BITS, type Pair, PairBuilder, powerOfTwo } from '../../float/double-double.ts';
import { has, INTEGER_BIT, KIND, type Slot, slots } from '../../float/workspace.ts';
import { STATE } from '../../state.ts';

export const NOT_HERE = -1;

// --- constants --------------------------------------------------------------------------------------

const UNIT = 1n << FRACTION_BITS;

/** Sum of sign^k / ((2k + 1) n^(2k + 1)), in units of 2^-FRACTION_BITS: arctan(1 / n) or artanh(1 / n). */
function inverse(n: bigint, sign: bigint): bigint {
  let sum = 0n;
  let power = UNIT / n;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power = (sign * power) / (n * n);
  }
  return sum;
}

export const arctangentOfInverse = (n: bigint): bigint => inverse(n, -1n);
/** Machin's formula. */
const PI_BITS = 4n * (4n * arctangentOfInverse(5n) - arctangentOfInverse(239n));
const LN2_BITS = 2n * inverse(3n, 1n);

export const PI = constant(PI_BITS, UNIT);
export const HALF_PI = constant(PI_BITS, 2n * UNIT);
export const LN2 = constant(LN2_BITS, UNIT);
/** 2 / ln 2 */
export const TWICE_LOG2_E = constant(2n * UNIT, LN2_BITS);
export const fraction = (bits: bigint): Pair => constant(bits, UNIT);

// --- operands and results ---------------------------------------------------------------------------

/** What a function's code works with. */
export interface Frame {
  readonly f: FunctionBuilder;
  readonly use: LibraryUser;
  readonly state: I32;
  readonly pairs: PairBuilder;
  readonly a: Slot;
  readonly b: Slot;
}

/** () -> flags, or NOT_HERE. */
export const quickFunction = (
  name: string,
  build: (frame: Frame) => void,
  params: readonly 'i32'[] = [],
): LibraryFunction<'i32'> => ({
  name,
  params,
  result: 'i32',
  build: (f, use) => {
    const { a, b } = slots(f);
    build({ f, use, state: f.param(0, 'i32'), pairs: new PairBuilder(f), a, b });
    f.unreachable();
  },
});

export const notHereUnless = (f: FunctionBuilder, condition: I32): void =>
  f.if(i32.eqz(condition), () => f.return(i32.const(NOT_HERE)));

export const isFiniteNumber = (slot: Slot): I32 => has(slot.kind, KIND.FINITE);

/** Between two exponents, both included. */
export const isWithin = (exponent: I32, from: number, to: number): I32 =>
  i32.le_u(i32.sub(exponent, i32.const(from)), i32.const(to - from));

/** A slot's significand as a number in [1, 2). */
export function significandOf({ f, pairs }: Pick<Frame, 'f' | 'pairs'>, slot: Slot): Pair {
  const significand = f.let(slot.significand);
  const fractionBits = i64.and(i64.shr_u(significand, i64.const(11)), i64.const((1n << 52n) - 1n));
  const high = f.let(f64.reinterpret_i64(i64.or(fractionBits, i64.const(1023n << 52n))));
  const rest = f64.convert_i64_s(i64.and(significand, i64.const(0x7ff)));
  return pairs.exactSum(high, f.let(f64.mul(rest, f64.const(2 ** -63))));
}

/** 1, or -1 for negative numbers. */
export const signFactor = (slot: Slot): F64 =>
  f64.convert_i32_s(i32.sub(i32.const(1), i32.shl(slot.sign, i32.const(1))));

/** 2^exponent for an exponent of moderate size. */
export const scaleBy = (exponent: I32): F64 => powerOfTwo(i64.extend_i32_s(exponent));

/** Where pairs pass from one function to another. */
export const PASSED = {
  FIRST: STATE.TEMPORARY,
  SECOND: STATE.TEMPORARY + 16,
  THIRD: STATE.TEMPORARY + 32,
} as const;

export const pass = ({ f, state }: Frame, { high, low }: Pair, at: number): void => {
  f.store('f64', state, high, at);
  f.store('f64', state, low, at + 8);
};
export const passed = ({ f, state }: Frame, at: number): Pair => ({
  high: f.let(f64.load(state, at)),
  low: f.let(f64.load(state, at + 8)),
});

/** R = +-(high:low) * 2^(exponent - 127), with the integer bit set. */
export function setResult({ f }: Frame, sign: I32, exponent: I32, high: I64, low: I64): void {
  const { r, setLow } = slots(f);
  r.setFinite(sign, exponent, high);
  setLow(low);
}

/** R = value * 2^exponent, never exact; the sign is exclusive-ored to the value's. Ends the function. */
export function deliver(frame: Frame, value: Pair, exponent: I32, sign: I32, flags = 0): void {
  const { f } = frame;
  const bits = f.let(i64.reinterpret_f64(value.high));
  const negative = f.let(i32.wrap_i64(i64.shr_u(bits, i64.const(63))));
  const low = f.let(select(negative, f64.neg(value.low), value.low));
  const biased = f.let(i64.and(i64.shr_u(bits, i64.const(52)), i64.const(0x7ff)));
  // The low part in units of the significand's last place, its fraction in units of 2^-64 of that.
  const units = f.let(f64.mul(low, powerOfTwo(i64.sub(i64.const(1023 + 63), biased))));
  const whole = f.let(f64.floor(units));
  const upper = i64.or(i64.shl(bits, i64.const(11)), i64.const(INTEGER_BIT));
  const high = f.let(i64.add(upper, i64.trunc_sat_f64_s(whole)));
  const rest = i64.trunc_sat_f64_s(f64.mul(f64.sub(units, whole), f64.const(2 ** 63)));
  const below = f.let(i64.or(i64.shl(rest, i64.const(1)), i64.const(1)));
  const total = f.let(i32.add(i32.sub(i32.wrap_i64(biased), i32.const(1023)), exponent));
  // A power of two less something.
  f.if(i64.ge_s(high, i64.const(0)), () => {
    f.set(high, i64.or(i64.shl(high, i64.const(1)), i64.shr_u(below, i64.const(63))));
    f.set(below, i64.or(i64.shl(below, i64.const(1)), i64.const(1)));
    f.set(total, i32.sub(total, i32.const(1)));
  });
  setResult(frame, i32.xor(negative, sign), total, high, below);
  f.return(i32.const(flags));
}
