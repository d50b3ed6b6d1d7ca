/** The transcendental functions: against identities, digits from tables, and JavaScript's doubles. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  angleOf,
  bitLength,
  cosineOf,
  exponentialMinus1,
  type Real,
  scaledLogarithm,
  scaledLogarithm1,
  sine,
  tangent,
} from './functions.ts';
import { LN2, ONE, PI, PRECISION } from './real.ts';

const RUNS = { numRuns: 300, seed: 1 };

const toNumber = ({ negative, magnitude, exponent }: Real): number => {
  const excess = Math.max(0, bitLength(magnitude) - 64);
  const value = Number(magnitude >> BigInt(excess)) * 2 ** (exponent + excess);
  return negative ? -value : value;
};

const fromNumber = (x: number): Real => {
  const exponent = Math.floor(Math.log2(Math.abs(x))) - 60;
  return { negative: x < 0, magnitude: BigInt(Math.abs(x) * 2 ** -exponent), exponent, exact: true };
};

/** Fixed point with 200 fraction bits. */
const BITS = 200;
const fixed = ({ negative, magnitude, exponent }: Real): bigint => {
  const shift = exponent + BITS;
  const value = shift >= 0 ? magnitude << BigInt(shift) : magnitude >> BigInt(-shift);
  return negative ? -value : value;
};
const real = (n: bigint): Real => ({
  negative: n < 0n,
  magnitude: n < 0n ? -n : n,
  exponent: -BITS,
  exact: true,
});

const near = (a: bigint, b: bigint, units: bigint): boolean => a - b <= units && b - a <= units;

const significand = fc.bigInt({ min: 1n << 63n, max: (1n << 64n) - 1n });
const number = (lowest: number, highest: number): fc.Arbitrary<Real> =>
  fc
    .tuple(fc.boolean(), significand, fc.integer({ min: lowest, max: highest }))
    .map(([negative, magnitude, e]) => ({ negative, magnitude, exponent: e - 63, exact: true }));

test('constants have the digits of the tables', () => {
  const digits = (n: bigint, count: bigint) => ((n * 10n ** count) >> PRECISION).toString();
  expect(digits(PI, 40n)).toBe('31415926535897932384626433832795028841971');
  expect(digits(LN2, 40n)).toBe('6931471805599453094172321214581765680755');
});

describe('against doubles', () => {
  const inputs = fc.double({ min: -0.999, max: 0.999, noNaN: true }).filter((x) => Math.abs(x) > 1e-200);
  const close = (actual: number, expected: number) =>
    expect(Math.abs(actual - expected)).toBeLessThanOrEqual(Math.abs(expected) * 4e-16);

  test('2^x - 1, log2(1 + x)', () => {
    fc.assert(
      fc.property(inputs, (x) => {
        close(toNumber(exponentialMinus1(fromNumber(x))), Math.expm1(x * Math.LN2));
        if (x > -0.29 && x < 0.41) {
          close(toNumber(scaledLogarithm1(fromNumber(3), fromNumber(x))), 3 * Math.log1p(x) * Math.LOG2E);
        }
      }),
      RUNS,
    );
  });

  test('angles', () => {
    fc.assert(
      fc.property(inputs, inputs, (y, x) => {
        close(toNumber(sine(fromNumber(x))), Math.sin(x));
        close(toNumber(cosineOf(fromNumber(x))), Math.cos(x));
        close(toNumber(tangent(fromNumber(x))), Math.tan(x));
        close(toNumber(angleOf(fromNumber(y), fromNumber(x))), Math.atan2(y, x));
      }),
      RUNS,
    );
  });
});

describe('identities, to 190 bits', () => {
  const UNITS = 1n << 10n;

  test('sin^2 + cos^2 = 1 at any angle below 2^63', () => {
    fc.assert(
      fc.property(number(-80, 62), (x) => {
        const [s, c] = [fixed(sine(x)), fixed(cosineOf(x))];
        expect(near(s * s + c * c, 1n << BigInt(2 * BITS), UNITS << BigInt(BITS))).toBe(true);
      }),
      RUNS,
    );
  });

  test('tan = sin / cos', () => {
    fc.assert(
      fc.property(number(-60, 62), (x) => {
        const [s, c, t] = [fixed(sine(x)), fixed(cosineOf(x)), fixed(tangent(x))];
        fc.pre(near(t, 0n, 1n << BigInt(BITS + 20)));
        expect(near(t * c, s << BigInt(BITS), UNITS << BigInt(BITS + 20))).toBe(true);
      }),
      RUNS,
    );
  });

  test('the angle of (cos a, sin a) is a', () => {
    fc.assert(
      // Below 1/2, where nothing is reduced by the x87's own pi.
      fc.property(number(-40, -2), (x) => {
        const a = angleOf(sine(x), cosineOf(x));
        expect(near(fixed(a), fixed(x), UNITS)).toBe(true);
      }),
      RUNS,
    );
  });

  test('2^log2(x) = x', () => {
    fc.assert(
      fc.property(significand, fc.integer({ min: -16445, max: 16383 }), (magnitude, e) => {
        fc.pre(magnitude !== 1n << 63n);
        const one: Real = { negative: false, magnitude: 1n, exponent: 0, exact: true };
        const l = fixed(scaledLogarithm(one, { negative: false, magnitude, exponent: e - 63, exact: true }));
        const part = l - (BigInt(e) << BigInt(BITS));
        const back = fixed(exponentialMinus1(real(part))) + (1n << BigInt(BITS));
        expect(near(back, magnitude << BigInt(BITS - 63), UNITS)).toBe(true);
      }),
      RUNS,
    );
  });

  test('log2(1 + x) meets log2 where both apply', () => {
    fc.assert(
      fc.property(number(-60, -2), number(-3, 3), (x, y) => {
        const sum = (1n << BigInt(-x.exponent)) + (x.negative ? -x.magnitude : x.magnitude);
        const whole: Real = { negative: false, magnitude: sum, exponent: x.exponent, exact: true };
        expect(near(fixed(scaledLogarithm1(y, x)), fixed(scaledLogarithm(y, whole)), UNITS)).toBe(true);
      }),
      RUNS,
    );
  });
});

describe('arguments so small that only the direction of the error is left', () => {
  const tiny: Real = { negative: false, magnitude: 1n << 63n, exponent: -8000, exact: true };
  const compare = (r: Real): number => {
    const shift = tiny.exponent - r.exponent;
    return Number(r.magnitude - (tiny.magnitude << BigInt(shift)));
  };

  test('sin and arctan stay below their argument, tan above', () => {
    expect(compare(sine(tiny))).toBeLessThan(0);
    expect(compare(angleOf(tiny, { negative: false, magnitude: 1n, exponent: 0, exact: true }))).toBeLessThan(
      0,
    );
    const t = tangent(tiny);
    expect({ difference: compare(t), exact: t.exact }).toEqual({ difference: 0, exact: false });
  });

  test('cos stays below 1', () => {
    const { magnitude, exponent } = cosineOf(tiny);
    expect(magnitude).toBe(ONE - 1n);
    expect(exponent).toBe(-Number(PRECISION));
  });
});
