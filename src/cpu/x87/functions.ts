/**
 * The transcendental functions of the x87 on finite numbers that are not zero. Each keeps its relative
 * precision however small its argument is: it is a simple factor times a ratio close to 1.
 */
import {
  arctangentRatio,
  areaTangentRatio,
  cosine,
  divide,
  exponentialRatio,
  LN2,
  multiply,
  ONE,
  PI,
  PRECISION,
  sineRatio,
} from './real.ts';

/** (-1)^negative * magnitude * 2^exponent. */
export interface Real {
  readonly negative: boolean;
  readonly magnitude: bigint;
  readonly exponent: number;
  /** False: more follows below the magnitude's last bit. */
  readonly exact: boolean;
}

const P = Number(PRECISION);
export const bitLength = (n: bigint): number => n.toString(2).length;

const inexact = (negative: boolean, magnitude: bigint, exponent: number): Real => ({
  negative,
  magnitude,
  exponent,
  exact: false,
});

/** magnitude * 2^exponent in fixed point, rounded down. */
const fixed = (magnitude: bigint, exponent: number): bigint => {
  const shift = exponent + P;
  return shift >= 0 ? magnitude << BigInt(shift) : magnitude >> BigInt(-shift);
};

/** x^2 in fixed point. */
const square = (x: Real): bigint => fixed(x.magnitude * x.magnitude, 2 * x.exponent);

/** A ratio that is below 1 however close. */
const below1 = (ratio: bigint): bigint => (ratio < ONE ? ratio : ONE - 1n);
const above1 = (ratio: bigint): bigint => (ratio > ONE ? ratio : ONE);

/** x times a fixed-point ratio. */
const times = (x: Real, ratio: bigint, negative = x.negative): Real =>
  inexact(negative, x.magnitude * ratio, x.exponent - P);

// --- exponential and logarithm ------------------------------------------------------------------

/** 2^x - 1 for |x| <= 1; another x is its own result, which the manual leaves undefined. */
export function exponentialMinus1(x: Real): Real {
  const size = bitLength(x.magnitude) + x.exponent;
  const isOne = size === 1 && x.magnitude === 1n << BigInt(bitLength(x.magnitude) - 1);
  if (isOne) return { negative: x.negative, magnitude: 1n, exponent: x.negative ? -1 : 0, exact: true };
  if (size > 0) return x;
  const w = multiply(fixed(x.magnitude, x.exponent), LN2);
  return times(x, multiply(LN2, exponentialRatio(x.negative ? -w : w)));
}

/** log2(n * 2^exponent) for n > 0; 0 is exact */
function logarithm(n: bigint, exponent: number): Real {
  const length = bitLength(n);
  // n / 2^bits is in [1, 2), or above 1.5 in [3/4, 1): it comes close to 1 from both sides.
  const bits = length > 1 && n >> BigInt(length - 2) === 3n ? length : length - 1;
  const whole = bits + exponent;
  const unit = 1n << BigInt(bits);
  const difference = n - unit;
  if (difference === 0n) {
    return { negative: whole < 0, magnitude: BigInt(Math.abs(whole)), exponent: 0, exact: true };
  }
  // ln(n / unit) = 2 artanh(z)
  const extra = bits + 2;
  const z = ((difference < 0n ? -difference : difference) << BigInt(P + extra)) / (n + unit);
  const v = (z * z) >> BigInt(P + 2 * extra);
  const part = divide(2n * z * areaTangentRatio(v), LN2) >> PRECISION;
  const sum = (BigInt(whole) << BigInt(P + extra)) + (difference < 0n ? -part : part);
  return inexact(sum < 0n, sum < 0n ? -sum : sum, -P - extra);
}

const product = (y: Real, l: Real): Real => ({
  negative: y.negative !== l.negative,
  magnitude: y.magnitude * l.magnitude,
  exponent: y.exponent + l.exponent,
  exact: l.exact,
});

/** y * log2(x) for x > 0 */
export const scaledLogarithm = (y: Real, x: Real): Real => product(y, logarithm(x.magnitude, x.exponent));

/** Below this power of two log2(1 + x) is x / ln 2. */
const TINY = -2 * P;

/** y * log2(1 + x) for x > -1 */
export function scaledLogarithm1(y: Real, x: Real): Real {
  if (bitLength(x.magnitude) + x.exponent < TINY) return product(y, times(x, divide(ONE, LN2)));
  const exponent = Math.min(x.exponent, 0);
  const [n, one] = [x.magnitude << BigInt(x.exponent - exponent), 1n << BigInt(-exponent)];
  return product(y, logarithm(x.negative ? one - n : one + n, exponent));
}

// --- angles ---------------------------------------------------------------------------------------

/**
 * pi as the x87 uses it to reduce angles, in units of 2^-64: 66 bits. SDM volume 1, "Approximation of Pi".
 */
const PI_66 = 0x3_243f_6a88_85a3_08d3n;
const PI_66_EXPONENT = -64;

/** x = quadrant * pi/2 + rest with |rest| <= pi/4 */
function reduce(x: Real): { rest: Real; quadrant: number } {
  // Halves of PI_66 are units of 2^-65.
  const unit = PI_66_EXPONENT - 1;
  const exponent = Math.min(x.exponent, unit);
  if (bitLength(x.magnitude) + x.exponent < 0) return { rest: x, quadrant: 0 };
  const angle = x.magnitude << BigInt(x.exponent - exponent);
  const quarter = PI_66 << BigInt(unit - exponent);
  const turns = (2n * angle + quarter) / (2n * quarter);
  const rest = angle - turns * quarter;
  const negative = x.negative !== rest < 0n;
  const quadrant = Number(turns & 3n);
  return {
    rest: inexact(negative, rest < 0n ? -rest : rest, exponent),
    quadrant: x.negative ? -quadrant & 3 : quadrant,
  };
}

/** sin(rest + quadrant * pi/2) */
function sineOf(rest: Real, quadrant: number): Real {
  const u = square(rest);
  if ((quadrant & 1) === 0) return times(rest, below1(sineRatio(u)), rest.negative !== quadrant > 1);
  return inexact(quadrant > 1, below1(cosine(u)), -P);
}

export function sine(x: Real): Real {
  const { rest, quadrant } = reduce(x);
  return sineOf(rest, quadrant);
}

export function cosineOf(x: Real): Real {
  const { rest, quadrant } = reduce(x);
  return sineOf(rest, (quadrant + 1) & 3);
}

export function tangent(x: Real): Real {
  const { rest, quadrant } = reduce(x);
  const u = square(rest);
  const [s, c] = [sineRatio(u), cosine(u)];
  if ((quadrant & 1) === 0) return times(rest, above1(divide(s, c)));
  // -cos(rest) / (rest * s), with bits enough below the point
  const extra = 2 * bitLength(rest.magnitude) + P;
  const magnitude = (c << BigInt(extra)) / (rest.magnitude * s);
  return inexact(!rest.negative, magnitude, -rest.exponent - extra);
}

/** The angle of the point (x, y), in (-pi, pi] */
export function angleOf(y: Real, x: Real): Real {
  const steep = bitLength(y.magnitude) + y.exponent > bitLength(x.magnitude) + x.exponent;
  const [short, long] = steep ? [x, y] : [y, x];
  // A ratio of at most 2; relative precision of P + 64 bits or so.
  const extra = P + 64;
  const ratio = inexact(
    y.negative,
    (short.magnitude << BigInt(extra)) / long.magnitude,
    short.exponent - long.exponent - extra,
  );
  const acute = arctangent(ratio);
  if (!steep && !x.negative) return acute;
  // pi - acute, pi/2 - acute, pi/2 + acute
  const small = fixed(acute.magnitude, acute.exponent);
  const turned = steep ? PI / 2n + (x.negative ? small : -small) : PI - small;
  return inexact(y.negative, turned, -P);
}

/** A multiple of pi/4 */
export const eighthsOfTurn = (negative: boolean, count: number): Real =>
  inexact(negative, BigInt(count) * PI, -P - 2);

/** arctan(t), 0 < |t| < 2 */
function arctangent(t: Real): Real {
  const u = square(t);
  if (u <= ONE) return times(t, below1(arctangentRatio(u)));
  const inverse = divide(ONE, fixed(t.magnitude, t.exponent));
  const complement = multiply(inverse, arctangentRatio(multiply(inverse, inverse)));
  return inexact(t.negative, PI / 2n - complement, -P);
}
