/**
 * Rounds R and LOW to a precision and an exponent range: IEEE 754 with tininess detected after
 * rounding; SDM volume 1, "Overview of SIMD Floating-Point Exceptions" and "Floating-Point Exceptions".
 */
import { type I32, type I64, i32, i64, select } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import type { LibraryFunction } from '../definition.ts';
import { CONTROL, EXCEPTION, has, INTEGER_BIT, KIND, ROUNDING, roundingOf, slots } from './workspace.ts';

/** Added to the exponent of an underflowed result, subtracted from that of an overflowed one, when unmasked. */
export const EXPONENT_WRAP = 0x6000;

/**
 * Whether a number with `rest` (as a fraction of the last place kept, times 2^64) below it is rounded
 * away from zero. `odd`: the last place kept is 1.
 */
export function roundsUp(f: FunctionBuilder, rounding: I32, sign: I32, odd: I32, rest: I64): Local<'i32'> {
  const half = i64.const(INTEGER_BIT);
  const up = f.local('i32');
  f.if(
    i32.eqz(rounding),
    () => f.set(up, i32.or(i64.gt_u(rest, half), i32.and(i64.eq(rest, half), odd))),
    () => {
      // Down goes away from zero for negative numbers, up for positive ones.
      const direction = select(sign, i32.const(ROUNDING.DOWN), i32.const(ROUNDING.UP));
      f.set(up, i32.and(i32.eq(rounding, direction), i64.ne(rest, i64.const(0))));
    },
  );
  return up;
}

/** (high, low) >> count, what is shifted out collected in the lowest bit; count >= 0. */
export function shiftRightSticky(
  f: FunctionBuilder,
  high: Local<'i64'>,
  low: Local<'i64'>,
  count: I32,
): void {
  const n = f.let(i64.extend_i32_u(count));
  const sticky = (lost: I64): I64 => i64.extend_i32_u(i64.ne(lost, i64.const(0)));
  const complement = (amount: I64): I64 => i64.sub(i64.const(64), amount);
  f.if(i64.ne(n, i64.const(0)), () => {
    f.if(
      i64.lt_u(n, i64.const(64)),
      () => {
        const lost = i64.shl(low, complement(n));
        const kept = i64.or(i64.shl(high, complement(n)), i64.shr_u(low, n));
        f.set(low, i64.or(kept, sticky(lost)));
        f.set(high, i64.shr_u(high, n));
      },
      () => {
        f.if(
          i64.lt_u(n, i64.const(128)),
          () => {
            const m = f.let(i64.sub(n, i64.const(64)));
            const lost = i64.or(low, select(i64.eqz(m), i64.const(0), i64.shl(high, complement(m))));
            f.set(low, i64.or(i64.shr_u(high, m), sticky(lost)));
          },
          () => f.set(low, sticky(i64.or(high, low))),
        );
        f.set(high, i64.const(0));
      },
    );
  });
}

/**
 * (precision, maximum exponent, control) -> flags. Denormal results keep the exponent 1 - maximum and
 * have a clear integer bit. Unmasked overflow and underflow (control) deliver the result rounded to the
 * precision with the exponent wrapped by EXPONENT_WRAP, as x87 registers get it; SSE delivers nothing then.
 * ROUNDED_UP is set when the magnitude grew.
 */
export const ROUND: LibraryFunction<'i32'> = {
  name: 'round',
  params: ['i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const { r, low } = slots(f);
    const [precision, maximum, control] = [f.param(1, 'i32'), f.param(2, 'i32'), f.param(3, 'i32')];
    f.if(i32.eqz(has(r.kind, KIND.FINITE)), () => f.return(i32.const(0)));

    const rounding = f.let(roundingOf(control));
    const sign = f.let(r.sign);
    const exponent = f.let(r.exponent);
    const minimum = f.let(i32.sub(i32.const(1), maximum));
    const high = f.let(r.significand);
    const below = f.let(low);
    /** Bits of the significand below the precision, 0 to 40. */
    const spare = f.let(i64.extend_i32_u(i32.sub(i32.const(64), precision)));
    const unit = f.let(i64.shl(i64.const(1), spare));

    const rest = f.local('i64');
    const up = f.local('i32');
    const kept = f.local('i64');
    /** Rounds (high, below) at `unit`: sets `kept`, `rest` and `up`; `kept` is 0 after a carry out. */
    const roundHere = () => {
      const cut = i64.or(
        i64.shl(high, i64.sub(i64.const(64), spare)),
        i64.extend_i32_u(i64.ne(below, i64.const(0))),
      );
      f.set(rest, select(i64.eqz(spare), below, cut));
      f.set(kept, i64.and(high, i64.sub(i64.const(0), unit)));
      const odd = i64.ne(i64.and(high, unit), i64.const(0));
      f.set(up, roundsUp(f, rounding, sign, odd, rest));
      f.set(kept, i64.add(kept, select(up, unit, i64.const(0))));
    };
    const flags = f.local('i32');
    const inexact = (): I32 => select(i64.eqz(rest), i32.const(0), i32.const(EXCEPTION.PRECISION));
    const roundedUp = (): I32 => select(up, i32.const(EXCEPTION.ROUNDED_UP), i32.const(0));

    roundHere();
    f.if(i64.eqz(kept), () => {
      f.set(kept, i64.const(INTEGER_BIT));
      f.set(exponent, i32.add(exponent, i32.const(1)));
    });
    f.set(flags, i32.or(inexact(), roundedUp()));

    f.if(i32.lt_s(exponent, minimum), () => {
      f.if(
        i32.eqz(has(control, EXCEPTION.UNDERFLOW)),
        () => {
          r.setSignificand(kept);
          r.setExponent(i32.add(exponent, i32.const(EXPONENT_WRAP)));
          f.return(i32.or(flags, i32.const(EXCEPTION.UNDERFLOW)));
        },
        () => {
          f.if(has(control, CONTROL.FLUSH), () => {
            r.setZero(sign);
            f.return(i32.const(EXCEPTION.UNDERFLOW | EXCEPTION.PRECISION));
          });
          shiftRightSticky(f, high, below, i32.sub(minimum, r.exponent));
          roundHere();
          r.setSignificand(kept);
          r.setExponent(minimum);
          f.if(i64.eqz(kept), () => r.setKind(KIND.ZERO));
          f.set(flags, i32.or(inexact(), roundedUp()));
          f.if(i64.ne(rest, i64.const(0)), () => f.set(flags, i32.or(flags, i32.const(EXCEPTION.UNDERFLOW))));
          f.return(flags);
        },
      );
    });

    f.if(i32.gt_s(exponent, maximum), () => {
      f.if(
        i32.eqz(has(control, EXCEPTION.OVERFLOW)),
        () => {
          f.set(exponent, i32.sub(exponent, i32.const(EXPONENT_WRAP)));
          f.set(flags, i32.or(flags, i32.const(EXCEPTION.OVERFLOW)));
        },
        () => {
          const away = select(sign, i32.const(ROUNDING.DOWN), i32.const(ROUNDING.UP));
          f.set(flags, i32.const(EXCEPTION.OVERFLOW | EXCEPTION.PRECISION));
          f.if(i32.or(i32.eqz(rounding), i32.eq(rounding, away)), () => {
            r.setInfinite(sign);
            f.return(i32.or(flags, i32.const(EXCEPTION.ROUNDED_UP)));
          });
          f.set(kept, i64.sub(i64.const(0), unit));
          f.set(exponent, maximum);
        },
      );
    });
    r.setSignificand(kept);
    r.setExponent(exponent);
    f.return(flags);
    f.unreachable();
  },
};
