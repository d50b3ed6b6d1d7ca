/** FSQRT of ordinary numbers: see `number.ts`. */
import { f64, type I32, type I64, i32, i64, select } from '../../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../../wasm/function.ts';
import type { LibraryFunction } from '../../definition.ts';
import { multiplyHigh } from '../../float/wide.ts';
import {
  BIAS,
  controlAndStatus,
  declineUnless,
  deliverRounded,
  exponentOf,
  isMiddling,
  isUsual,
  isZero,
  load,
  Stack,
  setExact,
  signOf,
} from './number.ts';

const ONE = i64.const(1);

/** A signed number of 128 bits. */
interface Difference {
  readonly high: Local<'i64'>;
  readonly low: Local<'i64'>;
}

/** (high, low) - root^2 */
function remainder(f: FunctionBuilder, high: I64, low: I64, root: Local<'i64'>): Difference {
  const square = f.let(i64.mul(root, root));
  const borrow = i64.extend_i32_u(i64.lt_u(low, square));
  return {
    high: f.let(i64.sub(i64.sub(high, multiplyHigh(f, root, root)), borrow)),
    low: f.let(i64.sub(low, square)),
  };
}

/** Adds or takes away 2 root + 1, the difference between neighbouring squares. */
function step(f: FunctionBuilder, { high, low }: Difference, root: I64, up: boolean): void {
  const amount = f.let(i64.or(i64.shl(root, ONE), ONE));
  const carried = i64.shr_u(root, i64.const(63));
  if (up) {
    f.set(low, i64.add(low, amount));
    f.set(high, i64.add(i64.add(high, carried), i64.extend_i32_u(i64.lt_u(low, amount))));
  } else {
    const borrow = f.let(i64.extend_i32_u(i64.lt_u(low, amount)));
    f.set(low, i64.sub(low, amount));
    f.set(high, i64.sub(i64.sub(high, carried), borrow));
  }
}

/** Unsigned, rounded somehow. */
const toDouble = (a: I64) => f64.mul(f64.convert_i64_s(i64.shr_u(a, ONE)), f64.const(2));

/** Of a number below 2^64, saturated; the lowest bit is lost. */
const fromDouble = (a: ReturnType<typeof toDouble>): I64 =>
  i64.shl(i64.trunc_sat_f64_s(f64.mul(a, f64.const(0.5))), ONE);

/** () -> 1 when ST(0) was replaced by its root. */
export const ROOT_OF_TOP: LibraryFunction<'i32'> = {
  name: 'rootOfTop',
  params: [],
  result: 'i32',
  build: (f) => {
    const words = controlAndStatus(f);
    const stack = new Stack(f);
    declineUnless(f, i32.and(stack.topIsUsed, isUsual(words)));
    const address = stack.address();
    const a = load(f, address);
    f.if(isZero(a), () => {
      setExact(f, words);
      f.return(i32.const(1));
    });
    declineUnless(f, i32.and(isMiddling(a), i32.eqz(signOf(a.top))));

    // The radicand is the significand times 2^63, or 2^64 for an odd exponent: its root is in [2^63, 2^64).
    const exponent = f.let(i32.sub(exponentOf(a), i32.const(BIAS)));
    const odd: I32 = i32.and(exponent, i32.const(1));
    const even = f.let(i64.extend_i32_u(i32.eqz(odd)));
    const high = f.let(i64.shr_u(a.significand, even));
    const low = f.let(i64.shl(i64.and(a.significand, even), i64.const(63)));

    // A double has 53 bits of it; its error is far below 2^12 and shows in the remainder.
    const first = f.let(f64.mul(f64.sqrt(toDouble(high)), f64.const(2 ** 32)));
    const root = f.let(fromDouble(first));
    const error = remainder(f, high, low, root);
    const distance = f64.add(f64.mul(f64.convert_i64_s(error.high), f64.const(2 ** 64)), toDouble(error.low));
    const correction = f64.floor(f64.div(f64.mul(distance, f64.const(0.5)), first));
    f.set(root, i64.add(root, i64.trunc_sat_f64_s(correction)));

    // Now at most one off.
    const rest = remainder(f, high, low, root);
    f.if(i64.lt_s(rest.high, i64.const(0)), () => {
      f.set(root, i64.sub(root, ONE));
      step(f, rest, root, true);
    });
    const twice = i64.shl(root, ONE);
    const carried = i64.shr_u(root, i64.const(63));
    const tooFar = i32.or(
      i64.gt_u(rest.high, carried),
      i32.and(i64.eq(rest.high, carried), i64.gt_u(rest.low, twice)),
    );
    f.if(tooFar, () => {
      step(f, rest, root, false);
      f.set(root, i64.add(root, ONE));
    });

    // The root's next bit is 1 exactly when the rest is larger than the root.
    const above = i32.or(i64.ne(rest.high, i64.const(0)), i64.gt_u(rest.low, root));
    const more = i64.extend_i32_u(i64.ne(i64.or(rest.high, rest.low), i64.const(0)));
    const below = f.let(i64.or(select(above, i64.const(1n << 63n), i64.const(0)), more));
    f.set(exponent, i32.add(i32.shr_s(exponent, i32.const(1)), i32.const(BIAS)));
    deliverRounded(f, words, address, i32.const(0), { high: root, low: below, exponent });
    f.return(i32.const(1));
    f.unreachable();
  },
};
