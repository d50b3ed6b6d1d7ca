/** FYL2X and FYL2XP1: log2(n / d) = 2 artanh((n - d) / (n + d)) / ln 2. */
import { f64, i32, i64, select } from '../../../wasm/expression.ts';
import { constant, type Pair } from '../../float/double-double.ts';
import { EXCEPTION, INTEGER_BIT } from '../../float/workspace.ts';
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
  signFactor,
  significandOf,
  TWICE_LOG2_E,
} from './frame.ts';

/** artanh(z) / z as a series in z^2, for |z| <= 1/5. */
const RATIO = Array.from({ length: 21 }, (_, k) => constant(1n, BigInt(2 * k + 1)));
/** From this term on the sum is below 2^-45 of the whole. */
const PLAIN = 9;

const SMALLEST = -200;

/** () -> 0. FIRST / SECOND = z; passes log2((1 + z) / (1 - z)) as FIRST. */
const SERIES = quickFunction('logarithmSeries', (frame) => {
  const { f, pairs } = frame;
  const z = pairs.factor(
    pairs.divide(passed(frame, PASSED.FIRST), pairs.factor(passed(frame, PASSED.SECOND))),
  );
  const square = pairs.factor(pairs.multiply(z, z));
  const ratio = pairs.polynomial(square, RATIO, PLAIN);
  pass(frame, pairs.multiply(pairs.factor(pairs.multiply(z, ratio)), TWICE_LOG2_E), PASSED.FIRST);
  f.return(i32.const(0));
});

function series(frame: Frame, numerator: Pair, denominator: Pair): Pair {
  pass(frame, numerator, PASSED.FIRST);
  pass(frame, denominator, PASSED.SECOND);
  frame.f.let(frame.use.library(SERIES));
  return passed(frame, PASSED.FIRST);
}

/** B times a logarithm; processors signal it inexact always. Ends the function. */
function deliverProduct(frame: Frame, logarithm: Pair): void {
  const { b, pairs } = frame;
  const product = pairs.multiply(pairs.factor(significandOf(frame, b)), logarithm);
  deliver(frame, product, b.exponent, b.sign, EXCEPTION.PRECISION);
}

const number = (value: number): Pair => ({ high: f64.const(value), low: f64.const(0) });

export const QUICK_LOGARITHM = quickFunction('quickLogarithm', (frame) => {
  const { f, a, b, pairs } = frame;
  const significand = f.let(a.significand);
  // Logarithms of powers of two are exact.
  const inexact = i64.ne(significand, i64.const(INTEGER_BIT));
  notHereUnless(f, i32.and(i32.and(isFiniteNumber(a), isFiniteNumber(b)), i32.and(i32.eqz(a.sign), inexact)));
  // In [3/4, 3/2), near 1 from both sides.
  const upper = f.let(i64.ge_u(significand, i64.const(3n << 62n)));
  const scale = f.let(select(upper, f64.const(0.5), f64.const(1)));
  const m = pairs.named(pairs.scaled(significandOf(frame, a), scale));
  const part = series(frame, pairs.addCancelling(m, number(-1)), pairs.add(m, number(1)));
  const whole = f64.convert_i32_s(i32.add(a.exponent, upper));
  deliverProduct(frame, pairs.named(pairs.addCancelling({ high: f.let(whole), low: f64.const(0) }, part)));
});

export const QUICK_LOGARITHM_1 = quickFunction('quickLogarithm1', (frame) => {
  const { f, a, b, pairs } = frame;
  const exponent = f.let(a.exponent);
  notHereUnless(f, i32.and(i32.and(isFiniteNumber(a), isFiniteNumber(b)), isWithin(exponent, SMALLEST, -2)));
  const scale = f.let(f64.mul(scaleBy(exponent), signFactor(a)));
  const x = pairs.named(pairs.scaled(significandOf(frame, a), scale));
  // The manual asks for 1 - sqrt(1/2) < |x|: -0.29; the series is good to -1/3.
  notHereUnless(f, f64.gt(x.high, f64.const(-0.33)));
  deliverProduct(frame, series(frame, x, pairs.add(number(2), x)));
});
