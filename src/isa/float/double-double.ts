/**
 * Numbers of 106 bits as unevaluated sums of two doubles, in generated code. T. J. Dekker, "A
 * Floating-Point Technique for Extending the Available Precision" (1971); D. E. Knuth, The Art of
 * Computer Programming 4.2.2. WebAssembly's doubles are exact IEEE 754, and so these are the same
 * everywhere. No fused operation is used.
 */
import { type Expression, type F64, f64, type I64, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';

/** high + low with |low| at most half a unit in the last place of high. */
export interface Pair {
  readonly high: F64;
  readonly low: F64;
}

/** A pair that was given names, with the halves of its high part for products. */
interface Factor extends Pair {
  readonly upper: F64;
  readonly lower: F64;
}

/** Bits that a constant is known to, as a fraction: see `constant`. */
export const FRACTION_BITS = 256n;

/** The pair nearest to `numerator / denominator`. */
export function constant(numerator: bigint, denominator: bigint): Pair {
  const scaled = (numerator << FRACTION_BITS) / denominator;
  const unit = 2 ** -Number(FRACTION_BITS);
  const high = Number(scaled);
  return { high: f64.const(high * unit), low: f64.const(Number(scaled - BigInt(high)) * unit) };
}

const SPLITTER = 2 ** 27 + 1;

export class PairBuilder {
  private readonly f: FunctionBuilder;

  constructor(f: FunctionBuilder) {
    this.f = f;
  }

  /** Both parts in locals. */
  named({ high, low }: Pair): { high: Local<'f64'>; low: Local<'f64'> } {
    return { high: this.f.let(high), low: this.f.let(low) };
  }

  negated({ high, low }: Pair): Pair {
    return { high: f64.neg(high), low: f64.neg(low) };
  }

  /** By a power of two. */
  scaled({ high, low }: Pair, scale: F64): Pair {
    return this.named({ high: f64.mul(high, scale), low: f64.mul(low, scale) });
  }

  /** a + b, |a| >= |b|; both in locals. */
  private quickSum(a: F64, b: F64): Pair {
    const high = this.f.let(f64.add(a, b));
    return { high, low: this.f.let(f64.sub(b, f64.sub(high, a))) };
  }

  /** a + b exactly; both in locals. */
  exactSum(a: F64, b: F64): Pair {
    const { f } = this;
    const high = f.let(f64.add(a, b));
    const seen = f.let(f64.sub(high, a));
    return { high, low: f.let(f64.add(f64.sub(a, f64.sub(high, seen)), f64.sub(b, seen))) };
  }

  private halves(a: F64): { upper: F64; lower: F64 } {
    const { f } = this;
    const scaled = f.let(f64.mul(a, f64.const(SPLITTER)));
    const upper = f.let(f64.sub(scaled, f64.sub(scaled, a)));
    return { upper, lower: f.let(f64.sub(a, upper)) };
  }

  /** Prepared to be multiplied several times. */
  factor(a: Pair): Factor {
    const pair = this.named(a);
    return { ...pair, ...this.halves(pair.high) };
  }

  private exactProduct(a: Factor, b: Factor): Pair {
    const { f } = this;
    const high = f.let(f64.mul(a.high, b.high));
    const first = f64.sub(f64.mul(a.upper, b.upper), high);
    const cross = f64.add(f64.add(first, f64.mul(a.upper, b.lower)), f64.mul(a.lower, b.upper));
    return { high, low: f.let(f64.add(cross, f64.mul(a.lower, b.lower))) };
  }

  /** Neither nearly cancels the other. */
  add(a: Pair, b: Pair): Pair {
    const { high, low } = this.exactSum(this.f.let(a.high), this.f.let(b.high));
    return this.quickSum(high, this.f.let(f64.add(low, f64.add(a.low, b.low))));
  }

  /** The same, however much is cancelled. */
  addCancelling(a: Pair, b: Pair): Pair {
    const { f } = this;
    const highs = this.exactSum(f.let(a.high), f.let(b.high));
    const lows = this.exactSum(f.let(a.low), f.let(b.low));
    const first = this.quickSum(highs.high, f.let(f64.add(highs.low, lows.high)));
    return this.quickSum(first.high, f.let(f64.add(first.low, lows.low)));
  }

  multiply(a: Factor, b: Pair): Pair {
    const other = 'upper' in b ? (b as Factor) : this.factor(b);
    const { high, low } = this.exactProduct(a, other);
    const cross = f64.add(f64.mul(a.high, other.low), f64.mul(a.low, other.high));
    return this.quickSum(high, this.f.let(f64.add(low, cross)));
  }

  divide(a: Pair, b: Factor): Pair {
    const { f } = this;
    const zero = f64.const(0);
    const first = this.factor({ high: f64.div(a.high, b.high), low: zero });
    const rest = this.addCancelling(a, this.negated(this.multiply(b, first)));
    return this.quickSum(first.high, f.let(f64.div(rest.high, b.high)));
  }

  /**
   * Sum of c[k] x^k by Horner's rule, for |x| < 1: the coefficients from `plainFrom` on are so small beside
   * the first that doubles do.
   */
  polynomial(x: Factor, coefficients: readonly Pair[], plainFrom: number): Pair {
    const { f } = this;
    const tail = f.let(coefficients[coefficients.length - 1].high);
    for (let k = coefficients.length - 2; k >= plainFrom; k--) {
      f.set(tail, f64.add(f64.mul(tail, x.high), coefficients[k].high));
    }
    let sum: Pair = { high: tail, low: f64.const(0) };
    for (let k = plainFrom - 1; k >= 0; k--) sum = this.add(coefficients[k], this.multiply(x, sum));
    return this.named(sum);
  }

  /** An unsigned integer: its bits from 32 on and those below are exact doubles. */
  fromInteger(a: I64): Pair {
    const { f } = this;
    const upper = f64.convert_i64_s(i64.shr_u(a, i64.const(32)));
    const lower = f64.convert_i64_s(i64.and(a, i64.const(0xffff_ffff)));
    return this.quickSum(f.let(f64.mul(upper, f64.const(2 ** 32))), f.let(lower));
  }
}

/** 2^exponent, from -1022 to 1023. */
export const powerOfTwo = (exponent: I64): Expression<'f64'> =>
  f64.reinterpret_i64(i64.shl(i64.add(exponent, i64.const(1023)), i64.const(52)));
