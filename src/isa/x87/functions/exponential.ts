/** F2XM1: 2^x - 1 = e^w - 1 for w = x ln 2. */
import { f64, i32 } from '../../../wasm/expression.ts';
import { constant, type Pair } from '../../float/double-double.ts';
import {
  deliver,
  isFiniteNumber,
  isWithin,
  LN2,
  notHereUnless,
  quickFunction,
  scaleBy,
  signFactor,
  significandOf,
} from './frame.ts';

/** 1 / (k + 1)! */
function coefficients(count: number): Pair[] {
  let factorial = 1n;
  return Array.from({ length: count }, (_, k) => {
    factorial *= BigInt(k + 1);
    return constant(1n, factorial);
  });
}

/** (e^v - 1) / v for |v| <= ln(2) / 4. */
const RATIO = coefficients(18);
/** From this term on the sum is below 2^-45 of the whole. */
const PLAIN = 10;

/** Below it, squares of the argument come near the end of the doubles' range. */
const SMALLEST = -200;

export const QUICK_EXPONENTIAL = quickFunction('quickExponential', (frame) => {
  const { f, a, pairs } = frame;
  const exponent = f.let(a.exponent);
  // From 1 on the manual defines only 2^1 - 1.
  notHereUnless(f, i32.and(isFiniteNumber(a), isWithin(exponent, SMALLEST, -1)));
  const product = pairs.multiply(pairs.factor(significandOf(frame, a)), LN2);
  const v = pairs.factor(
    pairs.scaled(product, f.let(f64.mul(scaleBy(i32.sub(exponent, i32.const(2))), signFactor(a)))),
  );
  let result = pairs.multiply(v, pairs.polynomial(v, RATIO, PLAIN));
  // e^2v - 1 = h (h + 2) for h = e^v - 1.
  for (let doubling = 0; doubling < 2; doubling++) {
    const h = pairs.factor(result);
    result = pairs.multiply(h, pairs.add({ high: f64.const(2), low: f64.const(0) }, h));
  }
  deliver(frame, result, i32.const(0), i32.const(0));
});
