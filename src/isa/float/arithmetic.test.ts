import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ADD, COMPARE, DIVIDE, MULTIPLY, SQUARE_ROOT } from './arithmetic.ts';
import { libraryModule } from './harness.ts';
import { FROM_INTEGER, ROUND_TO_INTEGER, TO_INTEGER } from './integers.ts';
import { PACK_DOUBLE, PACK_EXTENDED_TOP, PACK_SINGLE } from './pack.ts';
import { integerRoot, powerOfTwo, type Rational, round, roundAt } from './reference.ts';
import { ROUND } from './round.ts';
import { UNPACK_DOUBLE, UNPACK_EXTENDED, UNPACK_SINGLE } from './unpack.ts';
import { EXCEPTION, KIND, SLOT } from './workspace.ts';

const m = libraryModule([
  ADD,
  MULTIPLY,
  DIVIDE,
  SQUARE_ROOT,
  COMPARE,
  ROUND,
  FROM_INTEGER,
  TO_INTEGER,
  ROUND_TO_INTEGER,
  UNPACK_SINGLE,
  UNPACK_DOUBLE,
  UNPACK_EXTENDED,
  PACK_SINGLE,
  PACK_DOUBLE,
  PACK_EXTENDED_TOP,
]);

/** An 80-bit number: sign and exponent word, significand with the integer bit that goes with it. */
interface Extended {
  readonly top: number;
  readonly significand: bigint;
}

/** Exponents cluster at the ends, around 1, and close to each other; significands have long runs of bits. */
const significand = fc
  .tuple(
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.integer({ min: 0, max: 63 }),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([bits, shift, form]) => {
    const run = (1n << BigInt(shift)) - 1n;
    const value = [bits, bits & ~run, bits | run, run ^ (bits & 3n)][form];
    return BigInt.asUintN(64, value) | (1n << 63n);
  });
const exponent = (limit: number) =>
  fc.oneof(
    fc.integer({ min: -limit - 70, max: limit + 2 }),
    fc.integer({ min: -70, max: 70 }),
    fc.constantFrom(limit, limit - 1, 1 - limit, 2 - limit, -limit - 50),
  );

/** Finite numbers as x87 holds them, with exponents around the range [-limit, limit]. */
const finite = (limit: number): fc.Arbitrary<Extended> =>
  fc.tuple(fc.boolean(), exponent(limit), significand).map(([negative, e, s]) => {
    const clamped = Math.max(-16445, Math.min(16383, e));
    const top = negative ? 0x8000 : 0;
    if (clamped >= -16382) return { top: top | (clamped + 16383), significand: s };
    return { top, significand: s >> BigInt(-16382 - clamped) };
  });

const rational = (x: Extended): Rational => {
  const p = powerOfTwo(Math.max(1, x.top & 0x7fff) - 16383 - 63);
  return { negative: x.top > 0x7fff, numerator: x.significand * p.n, denominator: p.d };
};

const unpack = (slot: number, x: Extended) =>
  m.call(UNPACK_EXTENDED, slot, BigInt.asIntN(64, x.significand), x.top);

/** R as a rational number with its class. */
function result(): { kind: number; sign: number; exponent: number; significand: bigint } {
  return {
    significand: m.view.getBigUint64(SLOT.R, true),
    exponent: m.view.getInt32(SLOT.R + 8, true),
    sign: m.view.getInt32(SLOT.R + 12, true),
    kind: m.view.getInt32(SLOT.R + 16, true),
  };
}

const request = fc.record({
  range: fc.constantFrom(
    { precision: 24, maximum: 127 },
    { precision: 53, maximum: 1023 },
    { precision: 64, maximum: 16383 },
    { precision: 24, maximum: 16383 },
    { precision: 53, maximum: 16383 },
  ),
  rounding: fc.integer({ min: 0, max: 3 }),
  masks: fc.constantFrom(0x3f, 0x3f, 0x3f, 0x2f, 0x37),
  flush: fc.constantFrom(false, false, true),
});

type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;
const controlOf = (q: Request) => q.masks | (q.rounding << 6) | (q.flush ? 0x100 : 0);

/** Rounds R and compares with the reference. */
function expectRounded(x: Rational, q: Request, flagsBefore = 0): void {
  const flags = Number(m.call(ROUND, q.range.precision, q.range.maximum, controlOf(q))) | flagsBefore;
  const r = result();
  if (x.numerator === 0n) {
    expect(r.kind).toBe(KIND.ZERO);
    expect(flags).toBe(flagsBefore);
    return;
  }
  const want = round(x, { ...q.range, rounding: q.rounding, masks: q.masks, flush: q.flush });
  expect({ flags, sign: r.sign }).toEqual({ flags: want.flags, sign: x.negative ? 1 : 0 });
  if (want.infinite) expect(r.kind).toBe(KIND.INFINITE);
  else if (want.significand === 0n) expect(r.kind).toBe(KIND.ZERO);
  else {
    expect(r.significand >> BigInt(64 - q.range.precision)).toBe(want.significand);
    expect(r.significand & ((1n << BigInt(64 - q.range.precision)) - 1n)).toBe(0n);
    expect({ kind: r.kind & ~KIND.DENORMAL, exponent: r.exponent }).toEqual({
      kind: KIND.FINITE,
      exponent: want.exponent,
    });
  }
}

const RUNS = { numRuns: 3000, seed: 1 };

/** Pairs of operands that suit the request's range. */
const operands = request.chain((q) =>
  fc.tuple(fc.constant(q), finite(q.range.maximum), finite(q.range.maximum)),
);

const add = (x: Rational, y: Rational): Rational => {
  const signed = (v: Rational) => (v.negative ? -v.numerator : v.numerator);
  const sum = signed(x) * y.denominator + signed(y) * x.denominator;
  return { negative: sum < 0n, numerator: sum < 0n ? -sum : sum, denominator: x.denominator * y.denominator };
};

test('sums and differences are exact before rounding, and rounded as IEEE 754 says', () => {
  fc.assert(
    fc.property(operands, fc.boolean(), ([q, x, y], subtract) => {
      unpack(SLOT.A, x);
      unpack(SLOT.B, y);
      expect(m.call(ADD, subtract ? 1 : 0, controlOf(q))).toBe(0);
      const second = rational(y);
      const sum = add(rational(x), subtract ? { ...second, negative: !second.negative } : second);
      expectRounded(sum, q);
      if (sum.numerator === 0n) expect(result().sign).toBe(q.rounding === 1 ? 1 : 0);
    }),
    RUNS,
  );
});

test('products', () => {
  fc.assert(
    fc.property(operands, ([q, x, y]) => {
      unpack(SLOT.A, x);
      unpack(SLOT.B, y);
      expect(m.call(MULTIPLY)).toBe(0);
      const [a, b] = [rational(x), rational(y)];
      expectRounded(
        {
          negative: a.negative !== b.negative,
          numerator: a.numerator * b.numerator,
          denominator: a.denominator * b.denominator,
        },
        q,
      );
    }),
    RUNS,
  );
});

test('quotients', () => {
  fc.assert(
    fc.property(operands, ([q, x, y]) => {
      fc.pre(y.significand !== 0n);
      unpack(SLOT.A, x);
      unpack(SLOT.B, y);
      expect(m.call(DIVIDE)).toBe(0);
      const [a, b] = [rational(x), rational(y)];
      expectRounded(
        {
          negative: a.negative !== b.negative,
          numerator: a.numerator * b.denominator,
          denominator: a.denominator * b.numerator,
        },
        q,
      );
    }),
    RUNS,
  );
});

test('square roots', () => {
  fc.assert(
    fc.property(operands, fc.boolean(), ([q, x], perfect) => {
      const short = perfect ? (x.significand >> 33n) ** 2n : x.significand;
      fc.pre(short !== 0n);
      const positive = { top: perfect ? 16383 + 63 : x.top & 0x7fff, significand: short };
      if (perfect) {
        const shift = BigInt(64 - short.toString(2).length);
        positive.significand = short << shift;
        positive.top -= Number(shift);
      }
      unpack(SLOT.A, positive);
      expect(m.call(SQUARE_ROOT)).toBe(0);
      const a = rational(positive);
      // 2^k * sqrt(n/d) = sqrt(n * d * 2^2k) / d, with a sticky bit below.
      const scaled = (a.numerator * a.denominator) << 400n;
      const root = integerRoot(scaled);
      const sticky = root * root === scaled ? 0n : 1n;
      expectRounded(
        { negative: false, numerator: root * 2n + sticky, denominator: a.denominator << 201n },
        q,
      );
    }),
    RUNS,
  );
});

test('comparison orders all finite numbers and zeros', () => {
  fc.assert(
    fc.property(finite(200), finite(200), fc.boolean(), (x, y, equal) => {
      const other = equal ? x : y;
      unpack(SLOT.A, x);
      unpack(SLOT.B, other);
      const [a, b] = [rational(x), rational(other)];
      const difference = add(a, { ...b, negative: !b.negative });
      const want = difference.numerator === 0n ? 0 : difference.negative ? -1 : 1;
      expect(m.call(COMPARE)).toBe(want);
    }),
    RUNS,
  );
});

test('conversion to integers rounds, and signals what does not fit', () => {
  fc.assert(
    fc.property(
      finite(66),
      fc.constantFrom(16, 32, 64),
      fc.integer({ min: 0, max: 3 }),
      (x, bits, rounding) => {
        unpack(SLOT.A, x);
        const flags = m.call(TO_INTEGER, bits, 0x3f | (rounding << 6));
        const a = rational(x);
        const r = roundAt(a.negative, a.numerator, a.denominator, 0, rounding);
        const value = a.negative ? -r.integer : r.integer;
        const fits = BigInt.asIntN(bits, value) === value;
        expect(m.view.getBigInt64(SLOT.R, true)).toBe(fits ? value : -(1n << BigInt(bits - 1)));
        const inexact = (r.exact ? 0 : EXCEPTION.PRECISION) | (r.up ? EXCEPTION.ROUNDED_UP : 0);
        expect(flags).toBe(fits ? inexact : EXCEPTION.INVALID);
      },
    ),
    RUNS,
  );
});

test('rounding to an integer value keeps the sign of zero', () => {
  fc.assert(
    fc.property(finite(66), fc.integer({ min: 0, max: 3 }), (x, rounding) => {
      unpack(SLOT.A, x);
      const flags = m.call(ROUND_TO_INTEGER, 0x3f | (rounding << 6));
      const a = rational(x);
      const want = roundAt(a.negative, a.numerator, a.denominator, 0, rounding);
      const r = result();
      expect(r.sign).toBe(a.negative ? 1 : 0);
      const got =
        r.kind === KIND.ZERO
          ? 0n
          : r.exponent >= 63
            ? r.significand << BigInt(r.exponent - 63)
            : r.significand >> BigInt(63 - r.exponent);
      expect(got).toBe(want.integer);
      expect(flags).toBe((want.exact ? 0 : EXCEPTION.PRECISION) | (want.up ? EXCEPTION.ROUNDED_UP : 0));
    }),
    RUNS,
  );
});

test('integers become numbers without loss', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
      fc.integer({ min: 0, max: 63 }),
      (n, shift) => {
        const value = n >> BigInt(shift);
        m.call(FROM_INTEGER, value);
        const r = result();
        if (value === 0n) expect(r.kind).toBe(KIND.ZERO);
        else {
          expect(r.significand >> BigInt(63 - r.exponent)).toBe(value < 0n ? -value : value);
          expect(r.sign).toBe(value < 0n ? 1 : 0);
        }
      },
    ),
    RUNS,
  );
});

const scratch = new DataView(new ArrayBuffer(8));

test('every double and single survives unpacking and packing; kinds are right', () => {
  fc.assert(
    fc.property(fc.double(), (x) => {
      scratch.setFloat64(0, x);
      const bits = scratch.getBigInt64(0);
      const kind = Number(m.call(UNPACK_DOUBLE, SLOT.R, bits));
      const denormal = x !== 0 && Math.abs(x) < 2 ** -1022;
      const want = Number.isNaN(x)
        ? KIND.QUIET
        : x === 0
          ? KIND.ZERO
          : Number.isFinite(x)
            ? KIND.FINITE
            : KIND.INFINITE;
      // Packing takes rounded numbers, whose integer bit is clear when they are denormal.
      if (!denormal) expect(m.call(PACK_DOUBLE)).toBe(bits);
      expect(kind).toBe(denormal ? KIND.FINITE | KIND.DENORMAL : want);
    }),
    RUNS,
  );
  fc.assert(
    fc.property(fc.float(), (x) => {
      scratch.setFloat32(4, x);
      const bits = BigInt(scratch.getUint32(4));
      m.call(UNPACK_SINGLE, SLOT.R, bits);
      if (x === 0 || Math.abs(x) >= 2 ** -126) expect(m.call(PACK_SINGLE)).toBe(bits);
    }),
    RUNS,
  );
});

test('denormal doubles are packed again after rounding', () => {
  for (const x of [5e-324, 2 ** -1030, 2 ** -1022 - 5e-324]) {
    scratch.setFloat64(0, x);
    m.call(UNPACK_DOUBLE, SLOT.R, scratch.getBigInt64(0));
    m.view.setBigInt64(SLOT.R + 24, 0n, true);
    expect(m.call(ROUND, 53, 1023, 0x3f)).toBe(0);
    expect(m.call(PACK_DOUBLE)).toBe(scratch.getBigInt64(0));
  }
});

test('special 80-bit encodings are told apart', () => {
  const kind = (top: number, s: bigint) => unpack(SLOT.A, { top, significand: s });
  expect(kind(0x7fff, 1n << 63n)).toBe(KIND.INFINITE);
  expect(kind(0xffff, 3n << 62n)).toBe(KIND.QUIET);
  expect(kind(0x7fff, (1n << 63n) | 1n)).toBe(KIND.SIGNALING);
  expect(kind(0x7fff, 0n)).toBe(KIND.UNSUPPORTED);
  expect(kind(0x3fff, 1n)).toBe(KIND.UNSUPPORTED);
  expect(kind(0, 1n << 63n)).toBe(KIND.FINITE | KIND.DENORMAL);
  expect(m.view.getInt32(SLOT.A + 8, true)).toBe(-16382);
  expect(kind(0x8000, 0n)).toBe(KIND.ZERO);
});

test('operations without a value deliver the negative quiet NaN and INVALID', () => {
  const infinity = { top: 0x7fff, significand: 1n << 63n };
  const zero = { top: 0, significand: 0n };
  const one = { top: 0x3fff, significand: 1n << 63n };
  const cases: [typeof ADD, Extended, Extended, number[]][] = [
    [ADD, infinity, infinity, [1, 0x3f]],
    [MULTIPLY, infinity, zero, []],
    [MULTIPLY, zero, infinity, []],
    [DIVIDE, zero, zero, []],
    [DIVIDE, infinity, infinity, []],
    [SQUARE_ROOT, { top: 0xbfff, significand: 1n << 63n }, one, []],
    [SQUARE_ROOT, { top: 0xffff, significand: 1n << 63n }, one, []],
  ];
  for (const [fn, x, y, args] of cases) {
    unpack(SLOT.A, x);
    unpack(SLOT.B, y);
    expect(m.call(fn, ...args)).toBe(EXCEPTION.INVALID);
    expect(result()).toMatchObject({ kind: KIND.QUIET, sign: 1, significand: 3n << 62n });
  }
  unpack(SLOT.A, { top: 0xbfff, significand: 1n << 63n });
  unpack(SLOT.B, zero);
  expect(m.call(DIVIDE)).toBe(EXCEPTION.ZERO_DIVIDE);
  expect(result()).toMatchObject({ kind: KIND.INFINITE, sign: 1 });
});
