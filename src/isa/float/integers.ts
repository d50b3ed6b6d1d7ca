/** Between unpacked numbers and integers. */
import { type I32, type I64, i32, i64, select } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import type { LibraryFunction } from '../definition.ts';
import { roundsUp } from './round.ts';
import { EXCEPTION, has, KIND, roundingOf, type Slot, slots } from './workspace.ts';

/**
 * |A| rounded to an integer, for exponents up to 63; sets `magnitude`.
 * @returns flags: PRECISION and ROUNDED_UP
 */
function integerPart(f: FunctionBuilder, a: Slot, control: I32, magnitude: Local<'i64'>): Local<'i32'> {
  const shift = f.let(i64.extend_i32_s(i32.sub(i32.const(63), a.exponent)));
  const significand = f.let(a.significand);
  const rest = f.let(i64.const(0));
  f.set(magnitude, i64.const(0));
  f.if(
    i64.lt_u(shift, i64.const(64)),
    () => {
      f.set(magnitude, i64.shr_u(significand, shift));
      const below = i64.shl(significand, i64.sub(i64.const(64), shift));
      f.set(rest, select(i64.eqz(shift), i64.const(0), below));
    },
    // Below 1: below one half there is only something not zero.
    () => f.set(rest, select(i64.eq(shift, i64.const(64)), significand, i64.const(1))),
  );
  const odd = i32.and(i32.wrap_i64(magnitude), i32.const(1));
  const up = roundsUp(f, roundingOf(control), a.sign, odd, rest);
  f.set(magnitude, i64.add(magnitude, i64.extend_i32_u(up)));
  return f.let(
    i32.or(
      select(i64.eqz(rest), i32.const(0), i32.const(EXCEPTION.PRECISION)),
      select(up, i32.const(EXCEPTION.ROUNDED_UP), i32.const(0)),
    ),
  );
}

/**
 * (bits: 16, 32 or 64, control) -> flags; the signed integer is in R's significand, the integer
 * indefinite (smallest number) with INVALID when A is out of range, infinite or a NaN.
 */
export const TO_INTEGER: LibraryFunction<'i32'> = {
  name: 'toInteger',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const { a, r } = slots(f);
    const [bits, control] = [f.param(1, 'i32'), f.param(2, 'i32')];
    /** 2^(bits - 1), the first magnitude that only a negative number may have. */
    const limit = f.let(i64.shl(i64.const(1), i64.extend_i32_u(i32.sub(bits, i32.const(1)))));
    const kind = f.let(a.kind);
    const invalid = () => {
      r.setSignificand(i64.sub(i64.const(0), limit));
      f.return(i32.const(EXCEPTION.INVALID));
    };
    f.if(has(kind, KIND.ZERO), () => {
      r.setSignificand(i64.const(0));
      f.return(i32.const(0));
    });
    f.if(i32.eqz(has(kind, KIND.FINITE)), invalid);
    f.if(i32.gt_s(a.exponent, i32.const(63)), invalid);
    const magnitude = f.local('i64');
    const flags = integerPart(f, a, control, magnitude);
    const largest: I64 = i64.sub(limit, i64.extend_i32_u(i32.eqz(a.sign)));
    f.if(i64.gt_u(magnitude, largest), invalid);
    r.setSignificand(select(a.sign, i64.sub(i64.const(0), magnitude), magnitude));
    f.return(flags);
    f.unreachable();
  },
};

/** Magnitude and sign to a finite R, or zero. */
function setMagnitude(f: FunctionBuilder, r: Slot, sign: I32, magnitude: Local<'i64'>): void {
  f.if(
    i64.eqz(magnitude),
    () => r.setZero(sign),
    () => {
      const shift = f.let(i64.clz(magnitude));
      const exponent = i32.sub(i32.const(63), i32.wrap_i64(shift));
      r.setFinite(sign, exponent, i64.shl(magnitude, shift));
    },
  );
}

/** (control) -> flags. R is A rounded to an integer value; zeros keep A's sign; LOW is 0. */
export const ROUND_TO_INTEGER: LibraryFunction<'i32'> = {
  name: 'roundToInteger',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const { a, r, setLow } = slots(f);
    setLow(i64.const(0));
    const whole = i32.or(i32.eqz(has(a.kind, KIND.FINITE)), i32.ge_s(a.exponent, i32.const(63)));
    f.if(whole, () => {
      r.copy(a);
      f.return(i32.const(0));
    });
    const magnitude = f.local('i64');
    const flags = integerPart(f, a, f.param(1, 'i32'), magnitude);
    setMagnitude(f, r, a.sign, magnitude);
    f.return(flags);
    f.unreachable();
  },
};

/** (signed integer) -> 0. R is its value, exact; LOW is 0. */
export const FROM_INTEGER: LibraryFunction<'i32'> = {
  name: 'fromInteger',
  params: ['i64'],
  result: 'i32',
  build: (f) => {
    const { r, setLow } = slots(f);
    const value = f.param(1, 'i64');
    const negative = f.let(i64.lt_s(value, i64.const(0)));
    const magnitude = f.let(select(negative, i64.sub(i64.const(0), value), value));
    setMagnitude(f, r, negative, magnitude);
    setLow(i64.const(0));
    f.return(i32.const(0));
    f.unreachable();
  },
};
