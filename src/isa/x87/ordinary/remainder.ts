/** FPREM and FPREM1 of ordinary numbers whose exponents differ by less than 64: see `number.ts`. */
import { type I32, i32, i64, select } from '../../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../../wasm/function.ts';
import type { LibraryFunction } from '../../definition.ts';
import { FSW } from '../status.ts';
import {
  areMiddling,
  controlAndStatus,
  declineUnless,
  exponentOf,
  isMasked,
  load,
  Stack,
  setConditions,
  signOf,
  store,
} from './number.ts';

const ONE = i64.const(1);

/**
 * `rest` times 2^count modulo `divisor`, both with the integer bit set, a bit of the quotient at a time.
 * @returns the quotient modulo 2^32
 */
function reduce(f: FunctionBuilder, rest: Local<'i64'>, divisor: Local<'i64'>, count: I32): Local<'i32'> {
  const [quotient, carry] = [f.let(i32.const(0)), f.let(i32.const(0))];
  const left = f.let(count);
  f.block((done) =>
    f.loop((next) => {
      // No branch: it would go either way as often.
      const fits = f.let(i32.or(carry, i64.ge_u(rest, divisor)));
      f.set(rest, select(fits, i64.sub(rest, divisor), rest));
      f.set(quotient, i32.or(quotient, fits));
      f.brIf(done, i32.eqz(left));
      f.set(carry, i64.lt_s(rest, i64.const(0)));
      f.set(rest, i64.shl(rest, ONE));
      f.set(quotient, i32.shl(quotient, i32.const(1)));
      f.set(left, i32.sub(left, i32.const(1)));
      f.br(next);
    }),
  );
  return quotient;
}

/** Quotient bits 2, 1 and 0 as C0, C3 and C1. */
function answer(quotient: I32): I32 {
  const condition = (bit: number, code: number): I32 =>
    i32.mul(i32.and(i32.shr_u(quotient, i32.const(bit)), i32.const(1)), i32.const(code));
  return i32.or(i32.or(condition(2, FSW.C0), condition(1, FSW.C3)), condition(0, FSW.C1));
}

/** (quotient to nearest) -> 1 when ST(0) was replaced by its remainder by ST(1), which is exact. */
export const REMAINDER_OF_TOP: LibraryFunction<'i32'> = {
  name: 'remainderOfTop',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const nearest = f.param(1, 'i32');
    const words = controlAndStatus(f);
    const stack = new Stack(f);
    declineUnless(f, i32.and(stack.areUsed(i32.const(3)), isMasked(words)));
    const address = stack.address();
    const [a, b] = [load(f, address), load(f, stack.address(i32.const(1)))];
    const distance = f.let(i32.sub(exponentOf(a), exponentOf(b)));
    declineUnless(f, i32.and(areMiddling(a, b), i32.lt_s(distance, i32.const(64))));
    f.if(i32.lt_s(distance, i32.const(0)), () => {
      // FPREM1 may round up where the exponents are neighbours.
      declineUnless(f, i32.or(i32.eqz(nearest), i32.lt_s(distance, i32.const(-1))));
      setConditions(f, words, i32.const(0));
      f.return(i32.const(1));
    });

    const rest = a.significand;
    const sign = f.let(signOf(a.top));
    const quotient = reduce(f, rest, b.significand, distance);
    f.if(nearest, () => {
      const complement = f.let(i64.sub(b.significand, rest));
      const half = i32.and(i64.eq(rest, complement), i32.and(quotient, i32.const(1)));
      f.if(i32.or(i64.gt_u(rest, complement), half), () => {
        f.set(rest, complement);
        f.set(quotient, i32.add(quotient, i32.const(1)));
        f.set(a.top, i32.xor(a.top, i32.const(0x8000)));
      });
    });
    const shift = f.let(i64.clz(rest));
    const top = i32.or(signOf(a.top), i32.sub(exponentOf(b), i32.wrap_i64(shift)));
    store(f, address, {
      significand: i64.shl(rest, shift),
      top: select(i64.eqz(rest), sign, top),
    });
    setConditions(f, words, answer(quotient));
    f.return(i32.const(1));
    f.unreachable();
  },
};
