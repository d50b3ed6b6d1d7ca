/**
 * Exact arithmetic on unpacked numbers: A op B -> R with LOW. Operands are zero, finite or infinite;
 * the caller has dealt with NaNs. An invalid operation delivers the real-indefinite QNaN.
 */
import { type I32, i32, i64, select } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { LibraryFunction } from '../definition.ts';
import { shiftRightSticky } from './round.ts';
import { DIVIDE_WIDE, MULTIPLY_HIGH } from './wide.ts';
import { EXCEPTION, has, INTEGER_BIT, KIND, ROUNDING, roundingOf, type Slot, slots } from './workspace.ts';

const ONE64 = i64.const(1);
const NONE = i32.const(0);

function invalid(f: FunctionBuilder, r: Slot): void {
  r.setIndefinite();
  f.return(i32.const(EXCEPTION.INVALID));
}

/** Returns with R done when `condition`. */
function finishIf(f: FunctionBuilder, condition: I32, deliver: () => void, flags = 0): void {
  f.if(condition, () => {
    deliver();
    f.return(i32.const(flags));
  });
}

const both = (a: I32, b: I32, kind: number): I32 => i32.and(has(a, kind), has(b, kind));

/** (negate B: 0 or 1, control) -> flags. The rounding control decides the sign of an exact zero. */
export const ADD: LibraryFunction<'i32'> = {
  name: 'add',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const { a, b, r, setLow } = slots(f);
    const [negate, control] = [f.param(1, 'i32'), f.param(2, 'i32')];
    const [ka, kb] = [f.let(a.kind), f.let(b.kind)];
    const signA = f.let(a.sign);
    const signB = f.let(i32.xor(b.sign, negate));
    const differ = f.let(i32.xor(signA, signB));
    /** An exact zero from unlike signs is negative only when rounding down. */
    const zeroSign = i32.eq(roundingOf(control), i32.const(ROUNDING.DOWN));

    setLow(i64.const(0));
    f.if(i32.and(differ, both(ka, kb, KIND.INFINITE)), () => invalid(f, r));
    finishIf(f, has(ka, KIND.INFINITE), () => r.copy(a));
    finishIf(f, has(kb, KIND.INFINITE), () => r.copy(b, signB));
    finishIf(f, both(ka, kb, KIND.ZERO), () => r.setZero(select(differ, zeroSign, signA)));
    finishIf(f, has(kb, KIND.ZERO), () => r.copy(a));
    finishIf(f, has(ka, KIND.ZERO), () => r.copy(b, signB));

    // The one with the larger exponent, then significand, is `large`: the difference keeps its sign.
    const exponent = f.let(a.exponent);
    const distance = f.let(i32.sub(exponent, b.exponent));
    const large = f.let(a.significand);
    const high = f.let(b.significand);
    const sign = f.let(signA);
    const below = i64.lt_u(large, high);
    f.if(i32.or(i32.lt_s(distance, NONE), i32.and(i32.eqz(distance), below)), () => {
      f.set(exponent, b.exponent);
      f.set(distance, i32.sub(NONE, distance));
      f.set(large, b.significand);
      f.set(high, a.significand);
      f.set(sign, signB);
    });
    const low = f.let(i64.const(0));
    shiftRightSticky(f, high, low, distance);

    f.if(
      differ,
      () => {
        // large:0 - high:low
        const borrow = i64.extend_i32_u(i64.ne(low, i64.const(0)));
        f.set(high, i64.sub(i64.sub(large, high), borrow));
        f.set(low, i64.sub(i64.const(0), low));
        finishIf(f, i64.eqz(i64.or(high, low)), () => r.setZero(zeroSign));
        f.if(i64.eqz(high), () => {
          f.set(high, low);
          f.set(low, i64.const(0));
          f.set(exponent, i32.sub(exponent, i32.const(64)));
        });
        const shift = f.let(i64.clz(high));
        f.if(i64.ne(shift, i64.const(0)), () => {
          f.set(high, i64.or(i64.shl(high, shift), i64.shr_u(low, i64.sub(i64.const(64), shift))));
          f.set(low, i64.shl(low, shift));
          f.set(exponent, i32.sub(exponent, i32.wrap_i64(shift)));
        });
      },
      () => {
        f.set(high, i64.add(large, high));
        f.if(i64.lt_u(high, large), () => {
          const lost = i64.and(low, ONE64);
          f.set(low, i64.or(i64.or(i64.shl(high, i64.const(63)), i64.shr_u(low, ONE64)), lost));
          f.set(high, i64.or(i64.shr_u(high, ONE64), i64.const(INTEGER_BIT)));
          f.set(exponent, i32.add(exponent, i32.const(1)));
        });
      },
    );
    r.setFinite(sign, exponent, high);
    setLow(low);
    f.return(NONE);
    f.unreachable();
  },
};

/** () -> flags */
export const MULTIPLY: LibraryFunction<'i32'> = {
  name: 'multiply',
  params: [],
  result: 'i32',
  build: (f, use) => {
    const { a, b, r, setLow } = slots(f);
    const any = f.let(i32.or(a.kind, b.kind));
    const sign = f.let(i32.xor(a.sign, b.sign));
    setLow(i64.const(0));
    f.if(i32.and(has(any, KIND.ZERO), has(any, KIND.INFINITE)), () => invalid(f, r));
    finishIf(f, has(any, KIND.INFINITE), () => r.setInfinite(sign));
    finishIf(f, has(any, KIND.ZERO), () => r.setZero(sign));

    const high = f.let(use.library(MULTIPLY_HIGH, a.significand, b.significand));
    const low = f.let(i64.mul(a.significand, b.significand));
    const exponent = f.let(i32.add(i32.add(a.exponent, b.exponent), i32.const(1)));
    f.if(i64.ge_s(high, i64.const(0)), () => {
      f.set(high, i64.or(i64.shl(high, ONE64), i64.shr_u(low, i64.const(63))));
      f.set(low, i64.shl(low, ONE64));
      f.set(exponent, i32.sub(exponent, i32.const(1)));
    });
    r.setFinite(sign, exponent, high);
    setLow(low);
    f.return(NONE);
    f.unreachable();
  },
};

/** () -> flags */
export const DIVIDE: LibraryFunction<'i32'> = {
  name: 'divide',
  params: [],
  result: 'i32',
  build: (f, use) => {
    const { a, b, r, setLow } = slots(f);
    const [ka, kb] = [f.let(a.kind), f.let(b.kind)];
    const sign = f.let(i32.xor(a.sign, b.sign));
    setLow(i64.const(0));
    const undefinedQuotient = i32.or(both(ka, kb, KIND.ZERO), both(ka, kb, KIND.INFINITE));
    f.if(undefinedQuotient, () => invalid(f, r));
    finishIf(f, has(ka, KIND.INFINITE), () => r.setInfinite(sign));
    finishIf(f, i32.or(has(ka, KIND.ZERO), has(kb, KIND.INFINITE)), () => r.setZero(sign));
    finishIf(f, has(kb, KIND.ZERO), () => r.setInfinite(sign), EXCEPTION.ZERO_DIVIDE);

    // Halved when needed, so that the quotient is in [2^63, 2^64).
    const exponent = f.let(i32.sub(i32.sub(a.exponent, b.exponent), i32.const(1)));
    const high = f.let(a.significand);
    const low = f.let(i64.const(0));
    const divisor = f.let(b.significand);
    f.if(i64.ge_u(high, divisor), () => {
      f.set(low, i64.shl(high, i64.const(63)));
      f.set(high, i64.shr_u(high, ONE64));
      f.set(exponent, i32.add(exponent, i32.const(1)));
    });
    const quotient = f.let(use.library(DIVIDE_WIDE, high, low, divisor));
    const remainder = f.let(i64.sub(low, i64.mul(quotient, divisor)));
    // The next bit of the quotient, and whether anything follows it.
    const rest = f.let(i64.sub(remainder, i64.sub(divisor, remainder)));
    const atLeastHalf = i64.ge_u(remainder, i64.sub(divisor, remainder));
    f.if(
      atLeastHalf,
      () => setLow(i64.or(i64.const(INTEGER_BIT), i64.extend_i32_u(i64.ne(rest, i64.const(0))))),
      () => setLow(i64.extend_i32_u(i64.ne(remainder, i64.const(0)))),
    );
    r.setFinite(sign, exponent, quotient);
    f.return(NONE);
    f.unreachable();
  },
};

/** () -> flags. The root of A. */
export const SQUARE_ROOT: LibraryFunction<'i32'> = {
  name: 'squareRoot',
  params: [],
  result: 'i32',
  build: (f) => {
    const { a, r, setLow } = slots(f);
    setLow(i64.const(0));
    finishIf(f, has(a.kind, KIND.ZERO), () => r.copy(a));
    f.if(a.sign, () => invalid(f, r));
    finishIf(f, has(a.kind, KIND.INFINITE), () => r.copy(a));

    // radicand = significand * 2^63, or * 2^64 for an odd exponent, in high:low; its root is in [2^63, 2^64).
    const odd = f.let(i64.extend_i32_u(i32.and(a.exponent, i32.const(1))));
    const high = f.let(i64.shr_u(a.significand, i64.sub(ONE64, odd)));
    const low = f.let(i64.shl(i64.mul(a.significand, i64.sub(ONE64, odd)), i64.const(63)));
    const root = f.let(i64.const(0));
    const [remainderHigh, remainderLow] = [f.let(i64.const(0)), f.let(i64.const(0))];
    const count = f.let(i32.const(64));
    const top2 = i64.const(62);
    const two = i64.const(2);
    // Digit by digit: each step takes two bits of the radicand and finds one of the root.
    f.loop((next) => {
      f.set(remainderHigh, i64.or(i64.shl(remainderHigh, two), i64.shr_u(remainderLow, top2)));
      f.set(remainderLow, i64.or(i64.shl(remainderLow, two), i64.shr_u(high, top2)));
      f.set(high, i64.or(i64.shl(high, two), i64.shr_u(low, top2)));
      f.set(low, i64.shl(low, two));
      const trialHigh = f.let(i64.shr_u(root, top2));
      const trialLow = f.let(i64.or(i64.shl(root, two), ONE64));
      f.set(root, i64.shl(root, ONE64));
      const fits = i32.or(
        i64.gt_u(remainderHigh, trialHigh),
        i32.and(i64.eq(remainderHigh, trialHigh), i64.ge_u(remainderLow, trialLow)),
      );
      f.if(fits, () => {
        const borrow = f.let(i64.extend_i32_u(i64.lt_u(remainderLow, trialLow)));
        f.set(remainderLow, i64.sub(remainderLow, trialLow));
        f.set(remainderHigh, i64.sub(i64.sub(remainderHigh, trialHigh), borrow));
        f.set(root, i64.or(root, ONE64));
      });
      f.set(count, i32.sub(count, i32.const(1)));
      f.brIf(next, count);
    });
    // The radicand is root^2 + remainder; the root's next bit is 1 exactly when remainder > root.
    const above = i32.or(i64.ne(remainderHigh, i64.const(0)), i64.gt_u(remainderLow, root));
    const rest = i64.extend_i32_u(i64.ne(i64.or(remainderHigh, remainderLow), i64.const(0)));
    setLow(i64.or(select(above, i64.const(INTEGER_BIT), i64.const(0)), rest));
    r.setFinite(NONE, i32.shr_s(a.exponent, i32.const(1)), root);
    f.return(NONE);
    f.unreachable();
  },
};

/** () -> -1, 0 or 1: A below, equal to or above B; neither is a NaN. */
export const COMPARE: LibraryFunction<'i32'> = {
  name: 'compare',
  params: [],
  result: 'i32',
  build: (f) => {
    const { a, b } = slots(f);
    const [ka, kb] = [f.let(a.kind), f.let(b.kind)];
    finishIf(f, both(ka, kb, KIND.ZERO), () => {});
    /** 1 for positive, -1 for negative numbers. */
    const direction = (sign: I32): I32 => i32.sub(i32.const(1), i32.shl(sign, i32.const(1)));
    f.if(has(ka, KIND.ZERO), () => f.return(i32.sub(NONE, direction(b.sign))));
    f.if(i32.or(has(kb, KIND.ZERO), i32.ne(a.sign, b.sign)), () => f.return(direction(a.sign)));
    finishIf(f, both(ka, kb, KIND.INFINITE), () => {});
    f.if(has(ka, KIND.INFINITE), () => f.return(direction(a.sign)));
    f.if(has(kb, KIND.INFINITE), () => f.return(i32.sub(NONE, direction(a.sign))));
    const [ea, eb] = [f.let(a.exponent), f.let(b.exponent)];
    const [sa, sb] = [f.let(a.significand), f.let(b.significand)];
    const above = i32.or(i32.gt_s(ea, eb), i32.and(i32.eq(ea, eb), i64.gt_u(sa, sb)));
    const below = i32.or(i32.lt_s(ea, eb), i32.and(i32.eq(ea, eb), i64.lt_u(sa, sb)));
    f.return(i32.mul(direction(a.sign), i32.sub(above, below)));
    f.unreachable();
  },
};
