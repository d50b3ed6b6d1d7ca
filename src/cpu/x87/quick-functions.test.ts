/** The transcendental functions in generated code against those in BigInts: before rounding, to 128 bits. */
import { expect, test } from 'vitest';
import { libraryModule } from '../../isa/float/harness.ts';
import { FIELD, KIND, LOW, SLOT } from '../../isa/float/workspace.ts';
import { QUICK_COSINE, QUICK_SINE, QUICK_TANGENT } from '../../isa/x87/functions/angles.ts';
import { QUICK_ARCTANGENT } from '../../isa/x87/functions/arctangent.ts';
import { QUICK_EXPONENTIAL } from '../../isa/x87/functions/exponential.ts';
import { NOT_HERE } from '../../isa/x87/functions/frame.ts';
import { QUICK_LOGARITHM, QUICK_LOGARITHM_1 } from '../../isa/x87/functions/logarithm.ts';
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

const FUNCTIONS = {
  sine: [QUICK_SINE, (a: Real) => sine(a)],
  cosine: [QUICK_COSINE, (a: Real) => cosineOf(a)],
  tangent: [QUICK_TANGENT, (a: Real) => tangent(a)],
  exponential: [QUICK_EXPONENTIAL, (a: Real) => exponentialMinus1(a)],
  logarithm: [QUICK_LOGARITHM, (a: Real, b: Real) => scaledLogarithm(b, a)],
  logarithm1: [QUICK_LOGARITHM_1, (a: Real, b: Real) => scaledLogarithm1(b, a)],
  arctangent: [QUICK_ARCTANGENT, (a: Real, b: Real) => angleOf(b, a)],
} as const;
type Name = keyof typeof FUNCTIONS;

const module = libraryModule(Object.values(FUNCTIONS).map(([quick]) => quick));
const { view } = module;

/** significand * 2^(exponent - 63) */
interface Operand {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

const put = (slot: number, { negative, significand, exponent }: Operand): void => {
  view.setBigUint64(slot + FIELD.SIGNIFICAND, significand, true);
  view.setInt32(slot + FIELD.EXPONENT, exponent, true);
  view.setInt32(slot + FIELD.SIGN, negative ? 1 : 0, true);
  view.setInt32(slot + FIELD.KIND, KIND.FINITE, true);
};

const real = ({ negative, significand, exponent }: Operand): Real => ({
  negative,
  magnitude: significand,
  exponent: exponent - 63,
  exact: true,
});

/** Result of the generated code: 128 bits and the exponent of the highest one; undefined when it declines. */
function quick(name: Name, a: Operand, b: Operand) {
  put(SLOT.A, a);
  put(SLOT.B, b);
  if (module.call(FUNCTIONS[name][0]) === NOT_HERE) return undefined;
  const bits = (view.getBigUint64(SLOT.R, true) << 64n) | view.getBigUint64(LOW, true);
  return {
    negative: view.getInt32(SLOT.R + FIELD.SIGN, true) === 1,
    bits,
    exponent: view.getInt32(SLOT.R + FIELD.EXPONENT, true),
  };
}

/** The generated result less the reference, in units of the reference's 128th bit. */
function error(name: Name, a: Operand, b: Operand): bigint | undefined {
  const result = quick(name, a, b);
  if (!result) return undefined;
  const want = FUNCTIONS[name][1](real(a), real(b));
  expect(result.negative).toBe(want.negative);
  expect(result.bits >> 127n).toBe(1n);
  const length = bitLength(want.magnitude);
  // Both in units of 2^-200 below the reference's highest bit.
  const top = length - 1 + want.exponent;
  const shift = (n: bigint, by: number): bigint => (by >= 0 ? n << BigInt(by) : n >> BigInt(-by));
  const reference = shift(want.magnitude, 201 - length);
  const ours = shift(result.bits, 73 + result.exponent - top);
  const difference = ours - reference;
  return (difference < 0n ? -difference : difference) >> 73n;
}

let seed = 0x2545_f491_4f6c_dd1dn;
function random(): bigint {
  seed ^= seed >> 12n;
  seed = BigInt.asUintN(64, seed ^ (seed << 25n));
  seed ^= seed >> 27n;
  return BigInt.asUintN(64, seed * 0x9e37_79b9_7f4a_7c15n);
}
const below = (n: number): number => Number(random() % BigInt(n));

const TOP = 1n << 63n;
const significand = (): bigint => {
  const bits = random() | TOP;
  const run = (1n << BigInt(below(64))) - 1n;
  return [bits, bits | run, bits & ~run, TOP, TOP | 1n, 0xffff_ffff_ffff_ffffn, 3n << 62n][below(7)] | TOP;
};
const operand = (from: number, to: number): Operand => ({
  negative: below(2) === 1,
  significand: significand(),
  exponent: from + below(to - from + 1),
});

/** Exponents of A and B for each function. */
const DOMAINS: Record<Name, readonly [a: [number, number], b: [number, number]][]> = {
  sine: [
    [
      [-48, 62],
      [0, 0],
    ],
    [
      [-2, 4],
      [0, 0],
    ],
  ],
  cosine: [
    [
      [-48, 62],
      [0, 0],
    ],
    [
      [-2, 4],
      [0, 0],
    ],
  ],
  tangent: [
    [
      [-48, 62],
      [0, 0],
    ],
    [
      [-2, 4],
      [0, 0],
    ],
  ],
  exponential: [
    [
      [-200, -1],
      [0, 0],
    ],
    [
      [-6, -1],
      [0, 0],
    ],
  ],
  logarithm: [
    [
      [-2, 1],
      [-3, 3],
    ],
    [
      [-16445, 16383],
      [-16000, 16000],
    ],
  ],
  logarithm1: [
    [
      [-6, -2],
      [-3, 3],
    ],
    [
      [-200, -2],
      [-16000, 16000],
    ],
  ],
  arctangent: [
    [
      [-3, 3],
      [-3, 3],
    ],
    [
      [-20, 20],
      [-20, 20],
    ],
  ],
};

/** 128 bits, of which these may be wrong: far below the 64 that remain. */
const WRONG_BITS = 34n;

test.each(Object.keys(FUNCTIONS) as Name[])('%s', (name) => {
  let worst = 0n;
  let taken = 0;
  for (const [a, b] of DOMAINS[name]) {
    for (let i = 0; i < 1000; i++) {
      const x = operand(...a);
      const y = operand(...b);
      const e = error(name, x, y);
      if (e === undefined) continue;
      taken++;
      if (e > worst) worst = e;
      expect({ x, y, wrong: e >> WRONG_BITS }).toEqual({ x, y, wrong: 0n });
    }
  }
  if (process.env.SHOW) console.log(name, taken, bitLength(worst));
  expect(taken).toBeGreaterThan(800);
});

test('angles next to multiples of pi/2 keep all their bits', () => {
  const quarter = 0x3_243f_6a88_85a3_08d3n;
  for (let n = 1n; n < 60n; n++) {
    const angle = n * quarter;
    const length = bitLength(angle);
    for (const offset of [-1n, 0n, 1n]) {
      const x = {
        negative: n % 2n === 0n,
        significand: (angle >> BigInt(length - 64)) + offset,
        exponent: length - 1 - 65,
      };
      for (const name of ['sine', 'cosine', 'tangent'] as const) {
        expect({ n, name, wrong: (error(name, x, x) ?? 0n) >> WRONG_BITS }).toEqual({ n, name, wrong: 0n });
      }
    }
  }
});

test('next to nothing, sine and tangent differ from the angle on the right side', () => {
  const x = { negative: true, significand: TOP, exponent: -60 };
  const ones = (1n << 128n) - 1n;
  expect(quick('sine', x, x)).toEqual({ negative: true, bits: ones, exponent: -61 });
  expect(quick('tangent', x, x)).toEqual({ negative: true, bits: (TOP << 64n) + 1n, exponent: -60 });
  expect(quick('cosine', x, x)).toEqual({ negative: false, bits: ones, exponent: -1 });
  const y = { ...x, significand: TOP | 5n };
  expect(quick('sine', y, y)?.bits).toBe(((TOP | 4n) << 64n) | 0xffff_ffff_ffff_ffffn);
});
