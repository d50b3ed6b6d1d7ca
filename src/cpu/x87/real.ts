/**
 * Elementary functions in fixed-point numbers of BigInts: an integer n stands for n / 2^PRECISION. All
 * are correct to about 2^-250, so that rounding them to 64 bits is correct but for a chance of 2^-180.
 */

/** Fraction bits. */
export const PRECISION = 256n;
export const ONE = 1n << PRECISION;

export const multiply = (a: bigint, b: bigint): bigint => (a * b) >> PRECISION;
export const divide = (a: bigint, b: bigint): bigint => (a << PRECISION) / b;

/** The sum of terms that `next(term, n)` makes of each other, from `first` (n = 1) until they vanish. */
function series(first: bigint, next: (term: bigint, n: bigint) => bigint): bigint {
  let sum = 0n;
  let n = 1n;
  // A shift rounds down, so that negative terms end at -1.
  for (let term = first; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = next(term, n);
  }
  return sum;
}

/** sin(x) / x for u = x^2 */
export const sineRatio = (u: bigint): bigint =>
  series(ONE, (term, n) => -multiply(term, u) / (2n * n * (2n * n + 1n)));

/** cos(x) for u = x^2 */
export const cosine = (u: bigint): bigint =>
  series(ONE, (term, n) => -multiply(term, u) / (2n * n * (2n * n - 1n)));

/** (e^x - 1) / x, |x| < 1 */
export const exponentialRatio = (x: bigint): bigint => series(ONE, (term, n) => multiply(term, x) / (n + 1n));

/** artanh(z) / z for v = z^2 */
export function areaTangentRatio(v: bigint): bigint {
  let power = ONE;
  return series(ONE, (_, n) => {
    power = multiply(power, v);
    return power / (2n * n + 1n);
  });
}

/** arctan(t) / t for u = t^2, 0 <= u <= 1: Euler's series in u / (1 + u). */
export function arctangentRatio(u: bigint): bigint {
  const w = divide(u, ONE + u);
  return divide(
    series(ONE, (term, n) => (multiply(term, w) * 2n * n) / (2n * n + 1n)),
    ONE + u,
  );
}

/** ln 2 = 2 artanh(1/3) */
export const LN2 = (2n * areaTangentRatio(ONE / 9n)) / 3n;

/** pi / 4 = arctan(1) */
export const PI = 4n * arctangentRatio(ONE);
