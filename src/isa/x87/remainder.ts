/**
 * FPREM and FPREM1: SDM volume 2. The dividend loses multiples of the divisor from the highest bit of
 * the quotient down. When the exponents differ by 64 or more, one execution takes 32 to 63 bits and
 * says with C2 that it has to be repeated.
 */
import { type I32, i32, i64, select } from '../../wasm/expression.ts';
import type { Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { EXCEPTION, has, KIND, SLOT, slots } from '../float/workspace.ts';
import { STATE } from '../state.ts';
import { onRegisters } from './operands.ts';
import { operation } from './operation.ts';
import { REMAINDER_OF_TOP } from './ordinary/remainder.ts';
import { deliver, perform, TOP, unpack } from './stack.ts';
import { CONDITION, FSW, setStatusWord, statusWord } from './status.ts';

/** Condition codes of the remainder just taken, NO_ANSWER when the operands gave none. */
const ANSWER = STATE.TEMPORARY;
const NO_ANSWER = -1;

/** (to nearest) -> flags. R is the remainder, exact; ANSWER holds C2, or the quotient's low bits in C0, C3, C1. */
const REMAINDER: LibraryFunction<'i32'> = {
  name: 'remainder',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const [state, nearest] = [f.param(0, 'i32'), f.param(1, 'i32')];
    const { a, b, r, setLow } = slots(f);
    const answer = (value: I32): void => f.store('i32', state, value, ANSWER);
    setLow(i64.const(0));
    f.if(i32.or(has(a.kind, KIND.INFINITE), has(b.kind, KIND.ZERO)), () => {
      r.setIndefinite();
      f.return(i32.const(EXCEPTION.INVALID));
    });
    answer(i32.const(0));
    r.copy(a);
    const distance = f.let(i32.sub(a.exponent, b.exponent));
    const lowest = select(nearest, i32.const(-1), i32.const(0));
    const unchanged = i32.or(has(a.kind, KIND.ZERO), has(b.kind, KIND.INFINITE));
    f.if(i32.or(unchanged, i32.lt_s(distance, lowest)), () => f.return(i32.const(0)));

    const divisor = f.let(b.significand);
    const rest = f.let(a.significand);
    const quotient = f.let(i64.const(0));
    const sign = f.let(a.sign);
    const partial = f.let(i32.ge_s(distance, i32.const(64)));
    /** Quotient bits to take, less one; rest counts in units of 2^(exponent - 63). */
    const count = f.let(select(partial, i32.or(i32.and(distance, i32.const(31)), i32.const(32)), distance));
    const exponent = f.let(i32.sub(a.exponent, select(i32.lt_s(count, i32.const(0)), i32.const(0), count)));
    const subtract = () => {
      f.set(rest, i64.sub(rest, divisor));
      f.set(quotient, i64.or(quotient, i64.const(1)));
    };
    f.if(i32.ge_s(count, i32.const(0)), () =>
      f.block((done) => {
        const carry = f.let(i32.const(0));
        f.loop((next) => {
          f.if(i32.or(carry, i64.ge_u(rest, divisor)), subtract);
          f.brIf(done, i32.eqz(count));
          f.set(carry, i64.lt_s(rest, i64.const(0)));
          f.set(rest, i64.shl(rest, i64.const(1)));
          f.set(quotient, i64.shl(quotient, i64.const(1)));
          f.set(count, i32.sub(count, i32.const(1)));
          f.br(next);
        });
      }),
    );
    f.if(i32.and(nearest, i32.eqz(partial)), () => {
      // Half the divisor, in units of the rest: the divisor itself when the dividend was below it.
      const below = f.let(i32.lt_s(count, i32.const(0)));
      const complement = f.let(i64.sub(divisor, rest));
      f.if(below, () => f.set(complement, i64.add(complement, divisor)));
      const odd = i32.wrap_i64(i64.and(quotient, i64.const(1)));
      const above = select(below, i64.gt_u(rest, divisor), i64.gt_u(rest, complement));
      const half = i32.and(i32.eqz(below), i64.eq(rest, complement));
      f.if(i32.or(above, i32.and(half, odd)), () => {
        f.set(rest, complement);
        f.set(quotient, i64.add(quotient, i64.const(1)));
        f.set(sign, i32.eqz(sign));
      });
    });
    f.if(
      i64.eqz(rest),
      () => r.setZero(a.sign),
      () => {
        const shift = f.let(i64.clz(rest));
        r.setFinite(sign, i32.sub(exponent, i32.wrap_i64(shift)), i64.shl(rest, shift));
      },
    );
    const bits = f.let(i32.wrap_i64(quotient));
    const condition = (bit: number, code: number): I32 =>
      select(i32.and(bits, i32.const(bit)), i32.const(code), i32.const(0));
    const complete = i32.or(i32.or(condition(4, FSW.C0), condition(2, FSW.C3)), condition(1, FSW.C1));
    answer(select(partial, i32.const(FSW.C2), complete));
    f.return(i32.const(0));
    f.unreachable();
  },
};

const remainderOperation = (name: string, nearest: number): LibraryFunction<'i32'> =>
  operation({
    name,
    rounding: 'extended',
    compute: (_, use) => use.library(REMAINDER, i32.const(nearest)),
  });

/** Any operands. */
const anyRemainder =
  (fn: LibraryFunction<'i32'>): Semantics =>
  (c) => {
    const { f } = c;
    const state = c.field(0);
    f.store('i32', state, i32.const(NO_ANSWER), ANSWER);
    perform(c, unpack(c, SLOT.A, TOP));
    perform(c, unpack(c, SLOT.B, i32.const(1)));
    const flags = f.let(c.library(fn));
    const delivered = f.let(deliver(c, TOP, flags));
    const answer = f.let(i32.load(state, ANSWER));
    // Without an answer C2 says that there is nothing to repeat; C0 and C3 stay.
    const status = f.let(i32.and(statusWord(state), i32.const(0xffff & ~FSW.C2)));
    f.if(i32.and(delivered, i32.ge_s(answer, i32.const(0))), () =>
      f.set(status, i32.or(i32.and(status, i32.const(0xffff & ~CONDITION)), answer)),
    );
    setStatusWord(f, state, status);
  };

const remainder = (name: string, nearest: number): Semantics => {
  const any = anyRemainder(remainderOperation(name, nearest));
  return (c) => c.f.if(i32.eqz(c.library(REMAINDER_OF_TOP, i32.const(nearest))), () => any(c));
};

export const remainders: readonly Instruction[] = [
  onRegisters('FPREM', 'D9 F8', remainder('fprem', 0)),
  onRegisters('FPREM1', 'D9 F5', remainder('fprem1', 1)),
];
