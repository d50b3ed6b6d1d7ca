/** FPATAN: the angle of the point (A, B). */
import { type F64, f64, i32, i64, select } from '../../../wasm/expression.ts';
import { constant, type Pair } from '../../float/double-double.ts';
import {
  arctangentOfInverse,
  deliver,
  fraction,
  HALF_PI,
  isFiniteNumber,
  isWithin,
  notHereUnless,
  PI,
  quickFunction,
  scaleBy,
  significandOf,
} from './frame.ts';

/** arctan(r) / r as a series in r^2, for |r| <= 1/8. */
const RATIO = Array.from({ length: 16 }, (_, k) => constant(k % 2 === 0 ? 1n : -1n, BigInt(2 * k + 1)));
/** From this term on the sum is below 2^-45 of the whole. */
const PLAIN = 7;

const ZERO: Pair = { high: f64.const(0), low: f64.const(0) };
/** arctan(k / 4) for k from 0 to 4; arctan(3/4) = 2 arctan(1/3). */
const QUARTERS: readonly Pair[] = [
  ZERO,
  fraction(arctangentOfInverse(4n)),
  fraction(arctangentOfInverse(2n)),
  fraction(2n * arctangentOfInverse(3n)),
  fraction(4n * arctangentOfInverse(5n) - arctangentOfInverse(239n)),
];

/** Farther apart, the angle is next to the quotient or to a multiple of pi/2. */
const APART = 48;

export const QUICK_ARCTANGENT = quickFunction('quickArctangent', (frame) => {
  const { f, a, b, pairs } = frame;
  const apart = f.let(i32.sub(b.exponent, a.exponent));
  notHereUnless(f, i32.and(i32.and(isFiniteNumber(a), isFiniteNumber(b)), isWithin(apart, -APART, APART)));

  // The smaller of |A| and |B| over the larger one: p / q, at most 1.
  const larger = i64.gt_u(b.significand, a.significand);
  const steep = f.let(i32.or(i32.gt_s(apart, i32.const(0)), i32.and(i32.eqz(apart), larger)));
  const [x, y] = [significandOf(frame, a), significandOf(frame, b)];
  const chosen = (whenSteep: Pair, otherwise: Pair): Pair => ({
    high: select(steep, whenSteep.high, otherwise.high),
    low: select(steep, whenSteep.low, otherwise.low),
  });
  const distance = select(steep, i32.sub(i32.const(0), apart), apart);
  const p = pairs.factor(pairs.scaled(chosen(x, y), f.let(scaleBy(distance))));
  const q = pairs.factor(chosen(y, x));

  // arctan(p / q) = arctan(c) + arctan((p - c q) / (q + c p)) for the nearest quarter c
  const quarter = f.let(f64.nearest(f64.mul(f64.div(p.high, q.high), f64.const(4))));
  const c = pairs.factor({ high: f64.mul(quarter, f64.const(0.25)), low: f64.const(0) });
  const top = pairs.addCancelling(p, pairs.negated(pairs.multiply(c, q)));
  const bottom = pairs.add(q, pairs.multiply(c, p));
  const r = pairs.factor(pairs.divide(pairs.named(top), pairs.factor(bottom)));
  const square = pairs.factor(pairs.multiply(r, r));
  const rest = pairs.multiply(r, pairs.polynomial(square, RATIO, PLAIN));
  const entry = (part: (pair: Pair) => F64): F64 =>
    QUARTERS.reduce(
      (other, pair, k) => select(f64.eq(quarter, f64.const(k)), part(pair), other),
      f64.const(0),
    );
  const acute = pairs.named(
    pairs.add({ high: entry((pair) => pair.high), low: entry((pair) => pair.low) }, rest),
  );

  // pi/2 - acute for steep angles, and the supplement left of the vertical axis.
  const left = f.let(a.sign);
  const base = (part: (pair: Pair) => F64): F64 =>
    select(steep, part(HALF_PI), select(left, part(PI), f64.const(0)));
  const sign = f.let(select(i32.xor(steep, left), f64.const(-1), f64.const(1)));
  const angle = pairs.add(
    { high: base((pair) => pair.high), low: base((pair) => pair.low) },
    pairs.scaled(acute, sign),
  );
  deliver(frame, pairs.named(angle), i32.const(0), b.sign);
});
