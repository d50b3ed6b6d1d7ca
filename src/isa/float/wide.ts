/** Unsigned 128-bit helpers. */
import { type I64, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import type { LibraryFunction } from '../definition.ts';

const B32 = i64.const(32);
const LOW32 = i64.const(0xffff_ffffn);
const highHalf = (a: I64): I64 => i64.shr_u(a, B32);
const lowHalf = (a: I64): I64 => i64.and(a, LOW32);

/** The high 64 bits of the unsigned product, in line. */
export function multiplyHigh(f: FunctionBuilder, a: I64, b: I64): Local<'i64'> {
  const [a0, a1] = [f.let(lowHalf(a)), f.let(highHalf(a))];
  const [b0, b1] = [f.let(lowHalf(b)), f.let(highHalf(b))];
  const middle = f.let(i64.add(i64.mul(a1, b0), highHalf(i64.mul(a0, b0))));
  const other = f.let(i64.add(i64.mul(a0, b1), lowHalf(middle)));
  return f.let(i64.add(i64.mul(a1, b1), i64.add(highHalf(middle), highHalf(other))));
}

/** (a, b) -> high 64 bits of the unsigned product. */
export const MULTIPLY_HIGH: LibraryFunction<'i64'> = {
  name: 'multiplyHigh',
  params: ['i64', 'i64'],
  result: 'i64',
  build: (f) => {
    f.return(multiplyHigh(f, f.param(1, 'i64'), f.param(2, 'i64')));
    f.unreachable();
  },
};

/**
 * (high, low, divisor) -> quotient of high:low by divisor, which has bit 63 set and is above `high`:
 * Knuth's algorithm D with two digits of 32 bits (The Art of Computer Programming 4.3.1).
 */
export const DIVIDE_WIDE: LibraryFunction<'i64'> = {
  name: 'divideWide',
  params: ['i64', 'i64', 'i64'],
  result: 'i64',
  build: (f) => {
    const [high, low, divisor] = [f.param(1, 'i64'), f.param(2, 'i64'), f.param(3, 'i64')];
    const [d0, d1] = [f.let(lowHalf(divisor)), f.let(highHalf(divisor))];
    /** One digit: (remainder:next) / divisor, at most two above by the estimate from d1. */
    const digit = (remainder: Local<'i64'>, next: I64): Local<'i64'> => {
      const q = f.let(i64.div_u(remainder, d1));
      const r = f.let(i64.sub(remainder, i64.mul(q, d1)));
      const following = f.let(next);
      f.block((done) => {
        f.loop((again) => {
          const fits = i64.le_u(i64.mul(q, d0), i64.or(i64.shl(r, B32), following));
          f.if(i64.eqz(highHalf(q)), () => f.brIf(done, fits));
          f.set(q, i64.sub(q, i64.const(1)));
          f.set(r, i64.add(r, d1));
          f.brIf(again, i64.eqz(highHalf(r)));
        });
      });
      f.set(remainder, i64.sub(i64.or(i64.shl(remainder, B32), following), i64.mul(q, divisor)));
      return q;
    };
    const remainder = f.let(high);
    const upper = digit(remainder, highHalf(low));
    const lower = digit(remainder, lowHalf(low));
    f.return(i64.or(i64.shl(upper, B32), lower));
    f.unreachable();
  },
};
