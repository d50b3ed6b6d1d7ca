/** Test support: IEEE 754 arithmetic by exact rational numbers of BigInts, written apart from the Wasm code. */
import { EXCEPTION } from './workspace.ts';

/** (-1)^negative * numerator / denominator; numerator 0 is a zero. */
export interface Rational {
  readonly negative: boolean;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export interface RoundingRequest {
  readonly precision: number;
  readonly maximum: number;
  readonly rounding: number;
  /** Bits of EXCEPTION that are masked. */
  readonly masks: number;
  readonly flush: boolean;
}

/** magnitude = significand * 2^(exponent - precision + 1), or infinite. */
export interface Rounded {
  readonly significand: bigint;
  readonly exponent: number;
  readonly infinite: boolean;
  readonly flags: number;
}

const bitLength = (n: bigint): number => n.toString(2).length;

export const powerOfTwo = (e: number): { n: bigint; d: bigint } =>
  e >= 0 ? { n: 1n << BigInt(e), d: 1n } : { n: 1n, d: 1n << BigInt(-e) };

/** floor(log2(n / d)) */
function binaryLogarithm(n: bigint, d: bigint): number {
  const guess = bitLength(n) - bitLength(d);
  const p = powerOfTwo(guess);
  return n * p.d >= d * p.n ? guess : guess - 1;
}

/** n / d in units of 2^lastPlace, rounded to an integer. */
export function roundAt(
  negative: boolean,
  n: bigint,
  d: bigint,
  lastPlace: number,
  rounding: number,
): { integer: bigint; exact: boolean; up: boolean } {
  const p = powerOfTwo(lastPlace);
  const top = n * p.d;
  const bottom = d * p.n;
  const integer = top / bottom;
  const rest = top % bottom;
  const twice = rest * 2n;
  const up =
    rounding === 0
      ? twice > bottom || (twice === bottom && (integer & 1n) === 1n)
      : rest !== 0n && rounding === (negative ? 1 : 2);
  return { integer: up ? integer + 1n : integer, exact: rest === 0n, up };
}

/** Rounds a number that is not zero. */
export function round(x: Rational, request: RoundingRequest): Rounded {
  const { precision, maximum, rounding, masks, flush } = request;
  const minimum = 1 - maximum;
  const at = (exponent: number) => {
    const r = roundAt(x.negative, x.numerator, x.denominator, exponent - precision + 1, rounding);
    return r.integer === 1n << BigInt(precision)
      ? { ...r, integer: r.integer >> 1n, exponent: exponent + 1 }
      : { ...r, exponent };
  };
  const flagsOf = (r: { exact: boolean; up: boolean }) =>
    (r.exact ? 0 : EXCEPTION.PRECISION) | (r.up ? EXCEPTION.ROUNDED_UP : 0);
  const unbounded = at(binaryLogarithm(x.numerator, x.denominator));
  if (unbounded.exponent < minimum) {
    if ((masks & EXCEPTION.UNDERFLOW) === 0) {
      const flags = flagsOf(unbounded) | EXCEPTION.UNDERFLOW;
      return {
        significand: unbounded.integer,
        exponent: unbounded.exponent + 0x6000,
        infinite: false,
        flags,
      };
    }
    if (flush) {
      const flags = EXCEPTION.UNDERFLOW | EXCEPTION.PRECISION;
      return { significand: 0n, exponent: minimum, infinite: false, flags };
    }
    const denormal = at(minimum);
    const flags = flagsOf(denormal) | (denormal.exact ? 0 : EXCEPTION.UNDERFLOW);
    return { significand: denormal.integer, exponent: minimum, infinite: false, flags };
  }
  if (unbounded.exponent > maximum) {
    if ((masks & EXCEPTION.OVERFLOW) === 0) {
      const flags = flagsOf(unbounded) | EXCEPTION.OVERFLOW;
      return {
        significand: unbounded.integer,
        exponent: unbounded.exponent - 0x6000,
        infinite: false,
        flags,
      };
    }
    const flags = EXCEPTION.OVERFLOW | EXCEPTION.PRECISION;
    if (rounding === 0 || rounding === (x.negative ? 1 : 2)) {
      return { significand: 0n, exponent: 0, infinite: true, flags: flags | EXCEPTION.ROUNDED_UP };
    }
    return { significand: (1n << BigInt(precision)) - 1n, exponent: maximum, infinite: false, flags };
  }
  return {
    significand: unbounded.integer,
    exponent: unbounded.exponent,
    infinite: false,
    flags: flagsOf(unbounded),
  };
}

/** floor(sqrt(n)) */
export function integerRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((bitLength(n) + 1) >> 1);
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}
