/** FSIN, FCOS and FPTAN. Angles are reduced by pi of 66 bits: SDM volume 1, "Approximation of Pi". */
import { type F64, f64, type I32, type I64, i32, i64, select } from '../../../wasm/expression.ts';
import type { Local } from '../../../wasm/function.ts';
import type { LibraryFunction } from '../../definition.ts';
import { constant, type Pair } from '../../float/double-double.ts';
import { multiplyHigh } from '../../float/wide.ts';
import { INTEGER_BIT } from '../../float/workspace.ts';
import {
  deliver,
  type Frame,
  isFiniteNumber,
  isWithin,
  notHereUnless,
  PASSED,
  pass,
  passed,
  quickFunction,
  scaleBy,
  setResult,
  significandOf,
} from './frame.ts';

/** In PASSED: what REDUCE leaves, and what the series make of it. */
const ANGLE = PASSED.FIRST;
const SINE = PASSED.SECOND;
const COSINE = PASSED.THIRD;

// --- reduction --------------------------------------------------------------------------------------

/** pi / 2 as a multiple of 2^-65. */
const QUARTER = 0x3_243f_6a88_85a3_08d3n;
const UNIT = 2 ** -65;
const QUARTER_HIGH = i64.const(QUARTER >> 64n);
const QUARTER_LOW = i64.const(BigInt.asUintN(64, QUARTER));
const QUARTER_DOUBLE = f64.const(Number(QUARTER));
/** Angles below 2^-48 are as good as their sine. */
const SMALLEST = -48;

const ONE = i64.const(1);
const ONE_BIT = i32.const(1);
const toDouble = (a: I64) => f64.mul(f64.convert_i64_s(i64.shr_u(a, ONE)), f64.const(2));

/**
 * (exponent) -> quadrant of |A|, exact. Passes ANGLE = |A| - quadrant * pi/2, at most pi/4 in magnitude;
 * the exponent is at most 62.
 */
const REDUCE = quickFunction(
  'reduceAngle',
  (frame) => {
    const { f, a, pairs } = frame;
    const exponent = f.param(1, 'i32');
    f.if(i32.lt_s(exponent, i32.const(-1)), () => {
      pass(frame, pairs.scaled(significandOf(frame, a), f.let(scaleBy(exponent))), ANGLE);
      f.return(i32.const(0));
    });
    const significand = f.let(a.significand);
    // The angle in units of 2^-65: shifted up by 1 to 64 places.
    const places = f.let(i64.extend_i32_s(i32.add(exponent, i32.const(2))));
    const angleHigh = f.let(i64.shr_u(i64.shr_u(significand, ONE), i64.sub(i64.const(63), places)));
    const angleLow = f.let(i64.shl(i64.shl(significand, ONE), i64.sub(places, ONE)));
    f.if(i64.eq(places, i64.const(64)), () => {
      f.set(angleHigh, significand);
      f.set(angleLow, i64.const(0));
    });

    /** Quarters in a number of units. */
    const count = (units: F64): I64 => i64.trunc_sat_f64_s(f64.nearest(f64.div(units, QUARTER_DOUBLE)));
    const units = f64.mul(toDouble(significand), scaleBy(i32.add(exponent, i32.const(2))));
    const quarters = f.let(count(units));
    const [high, low] = [f.local('i64'), f.local('i64')];
    f.loop((again) => {
      const product = f.let(i64.mul(quarters, QUARTER_LOW));
      const carried = i64.add(multiplyHigh(f, quarters, QUARTER_LOW), i64.mul(quarters, QUARTER_HIGH));
      const borrow = i64.extend_i32_u(i64.lt_u(angleLow, product));
      f.set(low, i64.sub(angleLow, product));
      f.set(high, i64.sub(i64.sub(angleHigh, carried), borrow));
      // A double counts few quarters exactly and many nearly: the rest is counted in turn.
      const rest = f64.add(f64.mul(f64.convert_i64_s(high), f64.const(2 ** 64)), toDouble(low));
      const more = f.let(count(rest));
      f.set(quarters, i64.add(quarters, more));
      f.brIf(again, i64.ne(more, i64.const(0)));
    });
    const negative = f.let(i64.lt_s(high, i64.const(0)));
    f.if(negative, () => {
      f.set(low, i64.sub(i64.const(0), low));
      // Below is not zero: the angle is no multiple of an odd number of 66 bits.
      f.set(high, i64.sub(i64.sub(i64.const(0), high), i64.extend_i32_u(i64.ne(low, i64.const(0)))));
    });
    const upper = { high: f64.mul(f64.convert_i64_s(high), f64.const(2 ** 64)), low: f64.const(0) };
    const whole = pairs.add(upper, pairs.fromInteger(low));
    const scale = f.let(select(negative, f64.const(-UNIT), f64.const(UNIT)));
    pass(frame, pairs.scaled(whole, scale), ANGLE);
    f.return(i32.and(i32.wrap_i64(quarters), i32.const(3)));
  },
  ['i32'],
);

// --- series -----------------------------------------------------------------------------------------

/** 1 / n! for n = from, from + 2, ..., with alternating signs. */
function inverseFactorials(from: number, count: number): Pair[] {
  const result: Pair[] = [];
  let factorial = 1n;
  for (let n = 2; n < from + 2 * count; n++) {
    if ((n - from) % 2 === 0 && n > from)
      result.push(constant(result.length % 2 === 0 ? -1n : 1n, factorial * BigInt(n)));
    factorial *= BigInt(n);
  }
  return [constant(1n, 1n), ...result];
}

const TERMS = 14;
/** From this term on the sum is below 2^-45 of the whole. */
const PLAIN = 8;

/** () -> 0. Passes SINE, of ANGLE. */
const SINE_SERIES = quickFunction('sineSeries', (frame) => {
  const { f, pairs } = frame;
  const x = pairs.factor(passed(frame, ANGLE));
  const square = pairs.factor(pairs.multiply(x, x));
  const ratio = pairs.polynomial(square, inverseFactorials(1, TERMS), PLAIN);
  pass(frame, pairs.multiply(x, ratio), SINE);
  f.return(i32.const(0));
});

/** () -> 0. Passes COSINE, of ANGLE. */
const COSINE_SERIES = quickFunction('cosineSeries', (frame) => {
  const { f, pairs } = frame;
  const x = pairs.factor(passed(frame, ANGLE));
  const square = pairs.factor(pairs.multiply(x, x));
  pass(frame, pairs.polynomial(square, inverseFactorials(0, TERMS), PLAIN), COSINE);
  f.return(i32.const(0));
});

// --- functions --------------------------------------------------------------------------------------

/** |A|'s exponent, when it is finite and can be reduced. */
function exponentHere({ f, a }: Frame): Local<'i32'> {
  const exponent = f.let(a.exponent);
  notHereUnless(f, i32.and(isFiniteNumber(a), isWithin(exponent, -20000, 62)));
  return exponent;
}

/** Results next to a number: just below it or just above. Ends the function. */
function deliverNeighbour(frame: Frame, sign: I32, exponent: I32, significand: I64, above: boolean): void {
  const { f } = frame;
  if (above) {
    setResult(frame, sign, exponent, significand, ONE);
  } else {
    const isPower = f.let(i64.eq(significand, i64.const(INTEGER_BIT)));
    const below = select(isPower, i64.const(-1), i64.sub(significand, ONE));
    setResult(frame, sign, i32.sub(exponent, isPower), below, i64.const(-1));
  }
  f.return(i32.const(0));
}

const isTiny = (exponent: I32): I32 => i32.lt_s(exponent, i32.const(SMALLEST));

const run = ({ f, use }: Frame, fn: LibraryFunction<'i32'>, ...args: I32[]): Local<'i32'> =>
  f.let(use.library(fn, ...args));

/** The sine of ANGLE and `quadrant` quarters of a turn; `sign` is exclusive-ored. Ends the function. */
function deliverSine(frame: Frame, quadrant: Local<'i32'>, sign: I32): void {
  const { f } = frame;
  const turned = i32.xor(i32.and(i32.shr_u(quadrant, ONE_BIT), ONE_BIT), sign);
  const value = { high: f.local('f64'), low: f.local('f64') };
  const take = (series: LibraryFunction<'i32'>, at: number) => {
    run(frame, series);
    const { high, low } = passed(frame, at);
    f.set(value.high, high);
    f.set(value.low, low);
  };
  f.if(
    i32.and(quadrant, ONE_BIT),
    () => take(COSINE_SERIES, COSINE),
    () => take(SINE_SERIES, SINE),
  );
  deliver(frame, value, i32.const(0), turned);
}

export const QUICK_SINE = quickFunction('quickSine', (frame) => {
  const { f, a } = frame;
  const exponent = exponentHere(frame);
  f.if(isTiny(exponent), () => deliverNeighbour(frame, a.sign, exponent, f.let(a.significand), false));
  deliverSine(frame, run(frame, REDUCE, exponent), a.sign);
});

export const QUICK_COSINE = quickFunction('quickCosine', (frame) => {
  const { f } = frame;
  const exponent = exponentHere(frame);
  const one = i64.const(INTEGER_BIT);
  f.if(isTiny(exponent), () => deliverNeighbour(frame, i32.const(0), i32.const(0), one, false));
  deliverSine(frame, f.let(i32.add(run(frame, REDUCE, exponent), ONE_BIT)), i32.const(0));
});

export const QUICK_TANGENT = quickFunction('quickTangent', (frame) => {
  const { f, a, pairs } = frame;
  const exponent = exponentHere(frame);
  f.if(isTiny(exponent), () => deliverNeighbour(frame, a.sign, exponent, f.let(a.significand), true));
  const odd = f.let(i32.and(run(frame, REDUCE, exponent), ONE_BIT));
  run(frame, SINE_SERIES);
  run(frame, COSINE_SERIES);
  const sine = passed(frame, SINE);
  const cosine = passed(frame, COSINE);
  // tan(x + pi/2) = -cos x / sin x
  const top = pairs.named({
    high: select(odd, cosine.high, sine.high),
    low: select(odd, cosine.low, sine.low),
  });
  const bottom = { high: select(odd, sine.high, cosine.high), low: select(odd, sine.low, cosine.low) };
  deliver(frame, pairs.divide(top, pairs.factor(bottom)), i32.const(0), i32.xor(odd, a.sign));
});
