/** 128-bit products and quotients out of 64-bit pieces, as shared functions. */
import { type I64, i32, i64, select } from '../../wasm/expression.ts';
import type { LibraryFunction } from '../definition.ts';
import { STATE } from '../state.ts';

/** Where `divide128` leaves the remainder (i64) and, 8 bytes further, 1 when the quotient overflowed (i32). */
const REMAINDER = STATE.TEMPORARY;
const OVERFLOW = STATE.TEMPORARY + 8;

const low32 = (x: I64): I64 => i64.and(x, i64.const(0xffffffff));
const high32 = (x: I64): I64 => i64.shr_u(x, i64.const(32));

const unsignedHigh: LibraryFunction<'i64'> = {
  name: 'multiplyHighUnsigned',
  params: ['i64', 'i64'],
  result: 'i64',
  build: (f) => {
    const [a, b] = [f.param(1, 'i64'), f.param(2, 'i64')];
    const lowLow = f.let(i64.mul(low32(a), low32(b)));
    const highLow = f.let(i64.add(i64.mul(high32(a), low32(b)), high32(lowLow)));
    const lowHigh = f.let(i64.add(i64.mul(low32(a), high32(b)), low32(highLow)));
    f.return(i64.add(i64.add(i64.mul(high32(a), high32(b)), high32(highLow)), high32(lowHigh)));
    f.unreachable();
  },
};

const signedHigh: LibraryFunction<'i64'> = {
  name: 'multiplyHighSigned',
  params: ['i64', 'i64'],
  result: 'i64',
  build: (f, use) => {
    const [a, b] = [f.param(1, 'i64'), f.param(2, 'i64')];
    const negative = (x: I64): I64 => i64.shr_s(x, i64.const(63));
    const correction = i64.add(i64.and(negative(a), b), i64.and(negative(b), a));
    f.return(i64.sub(use.library(unsignedHigh, a, b), correction));
    f.unreachable();
  },
};

/** (a, b) -> the upper 64 bits of the product. */
export const multiplyHigh = (signed: boolean): LibraryFunction<'i64'> => (signed ? signedHigh : unsignedHigh);

const unsignedDivide: LibraryFunction<'i64'> = {
  name: 'divide128Unsigned',
  params: ['i64', 'i64', 'i64'],
  result: 'i64',
  build: (f) => {
    const state = f.param(0, 'i32');
    const [high, low, divisor] = [f.param(1, 'i64'), f.param(2, 'i64'), f.param(3, 'i64')];
    f.store('i32', state, i64.ge_u(high, divisor), OVERFLOW);
    f.if(i32.load(state, OVERFLOW), () => f.return(i64.const(0)));
    f.if(i64.eqz(high), () => {
      const quotient = f.let(i64.div_u(low, divisor));
      f.store('i64', state, i64.sub(low, i64.mul(quotient, divisor)), REMAINDER);
      f.return(quotient);
    });
    // Shift and subtract: `high` is the running remainder, quotient bits come into `low` from below.
    const count = f.let(i32.const(64));
    f.loop((head) => {
      const carry = f.let(i64.lt_s(high, i64.const(0)));
      f.set(high, i64.or(i64.shl(high, i64.const(1)), i64.shr_u(low, i64.const(63))));
      f.set(low, i64.shl(low, i64.const(1)));
      f.if(i32.or(carry, i64.ge_u(high, divisor)), () => {
        f.set(high, i64.sub(high, divisor));
        f.set(low, i64.or(low, i64.const(1)));
      });
      f.set(count, i32.sub(count, i32.const(1)));
      f.brIf(head, count);
    });
    f.store('i64', state, high, REMAINDER);
    f.return(low);
    f.unreachable();
  },
};

const signedDivide: LibraryFunction<'i64'> = {
  name: 'divide128Signed',
  params: ['i64', 'i64', 'i64'],
  result: 'i64',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const [high, low, divisor] = [f.param(1, 'i64'), f.param(2, 'i64'), f.param(3, 'i64')];
    const negativeDividend = f.let(i64.lt_s(high, i64.const(0)));
    const negativeResult = f.let(i32.xor(negativeDividend, i64.lt_s(divisor, i64.const(0))));
    const negate = (x: I64): I64 => i64.sub(i64.const(0), x);
    f.if(negativeDividend, () => {
      f.set(high, i64.sub(negate(high), i64.extend_i32_u(i64.ne(low, i64.const(0)))));
      f.set(low, negate(low));
    });
    f.if(i64.lt_s(divisor, i64.const(0)), () => f.set(divisor, negate(divisor)));
    const magnitude = f.let(use.library(unsignedDivide, high, low, divisor));
    // The magnitude may reach 2^63 only when the quotient is negative.
    const limit = i64.add(i64.const(2n ** 63n - 1n), i64.extend_i32_u(negativeResult));
    f.store('i32', state, i32.or(i32.load(state, OVERFLOW), i64.gt_u(magnitude, limit)), OVERFLOW);
    const remainder = f.let(i64.load(state, REMAINDER));
    f.store('i64', state, select(negativeDividend, negate(remainder), remainder), REMAINDER);
    f.return(select(negativeResult, negate(magnitude), magnitude));
    f.unreachable();
  },
};

/** (high, low, divisor) -> quotient; remainder and overflow mark in the CPU block. The divisor is not 0. */
export const divide128 = (signed: boolean): LibraryFunction<'i64'> =>
  signed ? signedDivide : unsignedDivide;
