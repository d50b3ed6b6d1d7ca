/** x87 arithmetic on the processor against rational arithmetic. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { integerRoot, powerOfTwo, type Rational, round, roundAt } from '../../isa/float/reference.ts';
import { EXCEPTION } from '../../isa/float/workspace.ts';
import { FSW } from '../../isa/x87/status.ts';
import { DATA, EXPONENT_BIAS, type Extended, FpuBench, INDEFINITE, ZERO } from './testing.ts';

const fpu = new FpuBench();
const RUNS = { numRuns: 600, seed: 1 };
const INTEGER_BIT = 1n << 63n;
const MAXIMUM = EXPONENT_BIAS;

// --- operands -------------------------------------------------------------------------------------

/** Long runs of equal bits, so that ties and carries happen. */
const significand = fc
  .tuple(
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.integer({ min: 0, max: 63 }),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([bits, shift, form]) => {
    const run = (1n << BigInt(shift)) - 1n;
    return [bits, bits & ~run, bits | run, run ^ (bits & 3n)][form] | INTEGER_BIT;
  });

/** Finite and not zero; denormals among them. */
const finiteWith = (exponent: fc.Arbitrary<number>): fc.Arbitrary<Extended> =>
  fc.tuple(fc.boolean(), exponent, significand).map(([negative, e, s]) => {
    const sign = negative ? 0x8000 : 0;
    if (e > -MAXIMUM) return { top: sign | (e + EXPONENT_BIAS), significand: s };
    return { top: sign, significand: s >> BigInt(1 - MAXIMUM - e) };
  });

const near = finiteWith(fc.integer({ min: -70, max: 70 }));
const any = finiteWith(
  fc.oneof(
    fc.integer({ min: -70, max: 70 }),
    fc.integer({ min: -MAXIMUM - 62, max: MAXIMUM }),
    fc.constantFrom(MAXIMUM, MAXIMUM - 1, 1 - MAXIMUM, -MAXIMUM, -MAXIMUM - 30, 8200, -8200, 8191),
  ),
);

interface Control {
  /** Bits of precision control. */
  readonly precision: number;
  readonly rounding: number;
  readonly masks: number;
  readonly fcw: number;
}

const control: fc.Arbitrary<Control> = fc
  .record({
    precision: fc.constantFrom([24, 0], [53, 2], [64, 3]),
    rounding: fc.integer({ min: 0, max: 3 }),
    masks: fc.constantFrom(0x3f, 0x3f, 0x37, 0x2f, 0x1f),
  })
  .map(({ precision: [bits, field], rounding, masks }) => ({
    precision: bits,
    rounding,
    masks,
    fcw: 0x40 | masks | (field << 8) | (rounding << 10),
  }));

// --- reference ------------------------------------------------------------------------------------

const exponentOf = (x: Extended): number => Math.max(1, x.top & 0x7fff) - EXPONENT_BIAS;
const isNegative = (x: Extended): boolean => x.top > 0x7fff;
const isDenormal = (x: Extended): boolean => (x.top & 0x7fff) === 0 && x.significand !== 0n;

const rational = (x: Extended): Rational => {
  const p = powerOfTwo(exponentOf(x) - 63);
  return { negative: isNegative(x), numerator: x.significand * p.n, denominator: p.d };
};

/** What a register holds after rounding, and the flags. */
function expected(x: Rational, q: Control, precision = q.precision): { value: Extended; flags: number } {
  const r = round(x, { precision, maximum: MAXIMUM, rounding: q.rounding, masks: q.masks, flush: false });
  const sign = x.negative ? 0x8000 : 0;
  if (r.infinite) return { value: { top: sign | 0x7fff, significand: INTEGER_BIT }, flags: r.flags };
  const bits = r.significand << BigInt(64 - precision);
  const top = bits >= INTEGER_BIT ? r.exponent + EXPONENT_BIAS : 0;
  return { value: { top: sign | top, significand: bits }, flags: r.flags };
}

const withSummary = (flags: number, fcw: number): number =>
  flags | ((flags & ~fcw & FSW.EXCEPTIONS) === 0 ? 0 : FSW.SUMMARY);

function expectRounded(x: Rational, q: Control, operands: readonly Extended[], precision?: number): void {
  const { value, flags } = expected(x, q, precision);
  const all = flags | (operands.some(isDenormal) ? EXCEPTION.DENORMAL : 0);
  expect({ ...fpu.st(0), fsw: fpu.fsw }).toEqual({ ...value, fsw: withSummary(all, q.fcw) });
}

const signed = (v: Rational): bigint => (v.negative ? -v.numerator : v.numerator);
const fraction = (n: bigint, d: bigint): Rational => ({
  negative: n < 0n !== d < 0n,
  numerator: n < 0n ? -n : n,
  denominator: d < 0n ? -d : d,
});

const sum = (a: Rational, b: Rational, sign: bigint): Rational =>
  fraction(signed(a) * b.denominator + sign * signed(b) * a.denominator, a.denominator * b.denominator);
const product = (a: Rational, b: Rational): Rational =>
  fraction(signed(a) * signed(b), a.denominator * b.denominator);
const quotient = (a: Rational, b: Rational): Rational =>
  fraction(signed(a) * b.denominator, a.denominator * signed(b));

const OPERATIONS = [
  ['FADD', 'D8 C1', (a: Rational, b: Rational) => sum(a, b, 1n)],
  ['FMUL', 'D8 C9', product],
  ['FSUB', 'D8 E1', (a: Rational, b: Rational) => sum(a, b, -1n)],
  ['FSUBR', 'D8 E9', (a: Rational, b: Rational) => sum(b, a, -1n)],
  ['FDIV', 'D8 F1', quotient],
  ['FDIVR', 'D8 F9', (a: Rational, b: Rational) => quotient(b, a)],
] as const;

// --- tests ----------------------------------------------------------------------------------------

test.each(OPERATIONS)('%s: result, flags and C1, by precision and rounding control', (_, code, reference) => {
  fc.assert(
    fc.property(any, any, control, (a, b, q) => {
      const exact = reference(rational(a), rational(b));
      fc.pre(exact.numerator !== 0n);
      fpu.load(q.fcw, a, b);
      expect(fpu.run(code)).toBeUndefined();
      expectRounded(exact, q, [a, b]);
    }),
    RUNS,
  );
});

test('FSQRT', () => {
  fc.assert(
    fc.property(any, control, (x, q) => {
      const a = { ...x, top: x.top & 0x7fff };
      const { numerator, denominator } = rational(a);
      // sqrt(n / d) = sqrt(n * d) / d, with a sticky bit below 400 more.
      const scaled = (numerator * denominator) << 400n;
      const root = integerRoot(scaled);
      const sticky = root * root === scaled ? 0n : 1n;
      fpu.load(q.fcw, a);
      fpu.run('D9 FA');
      expectRounded(fraction(root * 2n + sticky, denominator << 201n), q, [a]);
    }),
    { ...RUNS, numRuns: 300 },
  );
});

test('FRNDINT', () => {
  fc.assert(
    fc.property(near, control, (a, q) => {
      const { negative, numerator, denominator } = rational(a);
      const want = roundAt(negative, numerator, denominator, 0, q.rounding);
      fpu.load(q.fcw, a);
      fpu.run('D9 FC');
      const got = rational(fpu.st(0));
      expect(got.numerator).toBe(want.integer * got.denominator);
      expect(isNegative(fpu.st(0))).toBe(negative);
      const flags = (want.exact ? 0 : EXCEPTION.PRECISION) | (want.up ? EXCEPTION.ROUNDED_UP : 0);
      expect(fpu.fsw).toBe(withSummary(flags, q.fcw));
    }),
    RUNS,
  );
});

test('FSCALE multiplies by a power of two, whatever precision control says', () => {
  fc.assert(
    fc.property(any, fc.integer({ min: -33000, max: 33000 }), fc.boolean(), control, (a, n, half, q) => {
      const masks = q.masks | 0x18;
      const magnitude = BigInt(Math.abs(n)) * 2n + (half ? 1n : 0n);
      const length = magnitude.toString(2).length;
      const top = (n < 0 ? 0x8000 : 0) | (length - 2 + EXPONENT_BIAS);
      const scale = magnitude === 0n ? ZERO : { top, significand: magnitude << BigInt(64 - length) };
      fpu.load(q.fcw | 0x18, a, scale);
      fpu.run('D9 FD');
      const p = powerOfTwo(n);
      const x = rational(a);
      const scaled = { ...x, numerator: x.numerator * p.n, denominator: x.denominator * p.d };
      expectRounded(scaled, { ...q, masks, fcw: q.fcw | 0x18 }, [a], 64);
    }),
    { ...RUNS, numRuns: 500 },
  );
});

test('FXTRACT takes a number apart', () => {
  fc.assert(
    fc.property(any, (a) => {
      fpu.load(0x37f, a);
      fpu.run('D9 F4');
      const [mantissa, exponent] = [rational(fpu.st(0)), rational(fpu.st(1))];
      expect(fpu.st(0).top).toBe((a.top & 0x8000) | EXPONENT_BIAS);
      const p = powerOfTwo(Number(signed(exponent) / exponent.denominator));
      const whole = product(mantissa, { negative: false, numerator: p.n, denominator: p.d });
      expect(signed(sum(whole, rational(a), -1n))).toBe(0n);
    }),
    RUNS,
  );
});

/** FPREM and FPREM1 on operands at most this many binary orders apart finish at once. */
const closePair = fc
  .tuple(near, near, fc.integer({ min: -3, max: 63 }))
  .map(([a, b, distance]): [Extended, Extended] => [
    { ...a, top: (a.top & 0x8000) | ((b.top & 0x7fff) + distance) },
    b,
  ]);

test.each([
  ['FPREM', 'D9 F8', 3],
  ['FPREM1', 'D9 F5', 0],
] as const)('%s: exact remainder, low bits of the quotient in C0, C3, C1', (_, code, rounding) => {
  fc.assert(
    fc.property(closePair, ([a, b]) => {
      const [x, y] = [rational(a), rational(b)];
      const q = quotient(x, y);
      const whole = roundAt(false, q.numerator, q.denominator, 0, rounding).integer;
      const rest = sum(x, product(y, fraction(q.negative ? -whole : whole, 1n)), -1n);
      fpu.load(0x37f, a, b);
      fpu.run(code);
      expect(signed(sum(rational(fpu.st(0)), rest, -1n))).toBe(0n);
      const bit = (n: bigint, condition: number) => (whole & n ? condition : 0);
      expect(fpu.fsw & 0x4700).toBe(bit(4n, FSW.C0) | bit(2n, FSW.C3) | bit(1n, FSW.C1));
    }),
    RUNS,
  );
});

test.each(['D9 F8', 'D9 F5'])('partial remainders (%s): C2 until the quotient is used up', (code) => {
  fc.assert(
    fc.property(any, any, (a, b) => {
      fc.pre(exponentOf(a) - exponentOf(b) < 2000);
      fpu.load(0x37f, a, b);
      let left = exponentOf(a) - exponentOf(b);
      fpu.run(code);
      while (fpu.fsw & FSW.C2) {
        const now = exponentOf(fpu.st(0)) - exponentOf(b);
        expect(now).toBeLessThanOrEqual(left - 32);
        left = now;
        fpu.run(code);
      }
      const [rest, divisor] = [rational(fpu.st(0)), rational(b)];
      const multiple = quotient(sum(rational(a), rest, -1n), divisor);
      expect(multiple.numerator % multiple.denominator).toBe(0n);
      const bound = code === 'D9 F5' ? 2n : 1n;
      expect(rest.numerator * bound * divisor.denominator <= divisor.numerator * rest.denominator).toBe(true);
    }),
    { ...RUNS, numRuns: 300 },
  );
});

const INTEGERS = [
  ['FIST m16', 'DF 17', 16],
  ['FIST m32', 'DB 17', 32],
  ['FISTP m64', 'DF 3F', 64],
] as const;

test.each(INTEGERS)('%s', (_, code, bits) => {
  fc.assert(
    fc.property(near, control, (a, q) => {
      fc.pre((q.masks & EXCEPTION.PRECISION) !== 0);
      const { negative, numerator, denominator } = rational(a);
      const want = roundAt(negative, numerator, denominator, 0, q.rounding);
      const value = negative ? -want.integer : want.integer;
      const fits = BigInt.asIntN(bits, value) === value;
      fpu.load(q.fcw, a);
      fpu.data.setBigInt64(0, 0n, true);
      fpu.run(code);
      const stored = BigInt.asIntN(bits, fpu.data.getBigInt64(0, true));
      expect(stored).toBe(fits ? value : -(1n << BigInt(bits - 1)));
      const inexact = (want.exact ? 0 : EXCEPTION.PRECISION) | (want.up ? EXCEPTION.ROUNDED_UP : 0);
      expect(fpu.fsw).toBe(fits ? inexact : EXCEPTION.INVALID);
      expect(fpu.top).toBe(bits === 64 ? 0 : 7);
    }),
    RUNS,
  );
});

test('FILD and FBLD load what FISTP and FBSTP store', () => {
  const limit = 10n ** 18n;
  fc.assert(
    fc.property(fc.bigInt({ min: 1n - limit, max: limit - 1n }), (n) => {
      fpu.load(0x37f);
      fpu.data.setBigInt64(0, n, true);
      fpu.run('DF 2F'); // fild qword [rdi]
      fpu.run('DF 77 10'); // fbstp [rdi + 16]
      const digits = [...new Uint8Array(fpu.data.buffer, fpu.data.byteOffset + 16, 9)]
        .reverse()
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join('');
      expect(BigInt(digits)).toBe(n < 0n ? -n : n);
      expect(fpu.data.getUint8(25)).toBe(n < 0n ? 0x80 : 0);
      fpu.run('DF 67 10'); // fbld [rdi + 16]
      fpu.run('DF 7F 20'); // fistp qword [rdi + 32]
      expect(fpu.data.getBigInt64(32, true)).toBe(n);
      expect({ fsw: fpu.fsw, tags: fpu.tags }).toEqual({ fsw: 0, tags: 0 });
    }),
    { ...RUNS, numRuns: 300 },
  );
});

test('the larger NaN significand wins, a QNaN beats an SNaN', () => {
  const quiet = (payload: bigint, sign = 0): Extended => ({
    top: 0x7fff | sign,
    significand: (3n << 62n) | payload,
  });
  const signaling = (payload: bigint): Extended => ({ top: 0x7fff, significand: INTEGER_BIT | payload });
  const cases: [Extended, Extended, Extended, number][] = [
    [quiet(1n), quiet(2n), quiet(2n), 0],
    [quiet(2n, 0x8000), quiet(1n), quiet(2n, 0x8000), 0],
    [quiet(1n, 0x8000), quiet(1n), quiet(1n), 0],
    [signaling(5n), quiet(1n), quiet(1n), EXCEPTION.INVALID],
    [signaling(5n), signaling(6n), quiet(6n), EXCEPTION.INVALID],
    [signaling(5n), ZERO, quiet(5n), EXCEPTION.INVALID],
    [{ top: 0x3fff, significand: 1n }, ZERO, INDEFINITE, EXCEPTION.INVALID],
  ];
  for (const [a, b, want, flags] of cases) {
    fpu.load(0x37f, a, b);
    fpu.run('D8 C1');
    expect({ ...fpu.st(0), flags: fpu.fsw }).toEqual({ ...want, flags });
  }
});

test('memory operands are at the address that the data pointer names', () => {
  fpu.load(0x37f, ZERO);
  fpu.data.setFloat64(8, 1.5, true);
  fpu.run('DC 47 08'); // fadd qword [rdi + 8]
  expect(fpu.st(0)).toEqual({ top: 0x3fff, significand: 3n << 62n });
  fpu.run('D9 77 20'); // fnstenv [rdi + 32]
  expect(fpu.data.getUint32(32 + 20, true)).toBe(DATA + 8);
  expect(fpu.data.getUint32(32 + 16, true) >>> 16).toBe(0x447);
});
