/** FIST, FISTP, FISTTP and FRNDINT of ordinary numbers, by any rounding control: see `number.ts`. */
import { type I32, type I64, i32, i64, select } from '../../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../../wasm/function.ts';
import type { LibraryFunction } from '../../definition.ts';
import { ROUNDING } from '../../float/workspace.ts';
import type { Raw } from '../stack.ts';
import { FCW } from '../status.ts';
import {
  BIAS,
  controlAndStatus,
  declineUnless,
  exponentOf,
  isMasked,
  isNormal,
  isZero,
  load,
  roundsToNearest,
  Stack,
  setExact,
  setStatus,
  signOf,
  store,
} from './number.ts';

interface Integer {
  readonly magnitude: Local<'i64'>;
  readonly inexact: I32;
  readonly roundedUp: Local<'i32'>;
}

/** |a| rounded to an integer, for a normal number below 2^63. */
function integerPart(f: FunctionBuilder, a: Raw, rounding: I32): Integer {
  const shift = f.let(i64.extend_i32_u(i32.sub(i32.const(BIAS + 63), exponentOf(a))));
  const magnitude = f.let(i64.shr_u(a.significand, shift));
  const rest = f.let(i64.shl(i64.shl(a.significand, i64.const(1)), i64.xor(shift, i64.const(63))));
  f.if(i64.gt_u(shift, i64.const(63)), () => {
    f.set(magnitude, i64.const(0));
    // Below one half it only matters that something is there.
    f.set(rest, select(i64.eq(shift, i64.const(64)), a.significand, i64.const(1)));
  });
  const inexact = i64.ne(rest, i64.const(0));
  const roundedUp = f.let(roundsToNearest(rest, i32.wrap_i64(i64.and(magnitude, i64.const(1)))));
  f.if(rounding, () => {
    const away = select(signOf(a.top), i32.const(ROUNDING.DOWN), i32.const(ROUNDING.UP));
    f.set(roundedUp, i32.and(i32.eq(rounding, away), inexact));
  });
  f.set(magnitude, i64.add(magnitude, i64.extend_i32_u(roundedUp)));
  return { magnitude, inexact, roundedUp };
}

const roundingOf = (words: I32): I32 =>
  i32.and(i32.shr_u(words, i32.const(FCW.ROUNDING_SHIFT)), i32.const(3));

/** (host address, registers to pop, bits for the rounding control) -> 1 when stored. */
const storeInteger = (width: 16 | 32 | 64): LibraryFunction<'i32'> => ({
  name: `storeInteger${width}`,
  params: ['i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [host, pops, forced] = [f.param(1, 'i32'), f.param(2, 'i32'), f.param(3, 'i32')];
    const words = controlAndStatus(f);
    const stack = new Stack(f);
    declineUnless(f, i32.and(stack.topIsUsed, isMasked(words)));
    const a = load(f, stack.address());
    const op = ({ 16: 'i64_16', 32: 'i64_32', 64: 'i64' } as const)[width];
    const finish = (value: I64, status: () => void): void => {
      f.store(op, host, value);
      status();
      f.if(pops, () => stack.pop(pops));
      f.return(i32.const(1));
    };
    f.if(isZero(a), () => finish(i64.const(0), () => setExact(f, words)));
    // -2^(width - 1) is left to the other way.
    declineUnless(f, i32.and(isNormal(a), i32.lt_u(exponentOf(a), i32.const(BIAS + width - 1))));
    const rounding = f.let(i32.or(roundingOf(words), forced));
    const { magnitude, inexact, roundedUp } = integerPart(f, a, rounding);
    declineUnless(f, i64.eqz(i64.shr_u(magnitude, i64.const(width - 1))));
    const negative = signOf(a.top);
    finish(select(negative, i64.sub(i64.const(0), magnitude), magnitude), () =>
      setStatus(f, words, inexact, roundedUp),
    );
    f.unreachable();
  },
});

export const STORE_INTEGER = { 2: storeInteger(16), 4: storeInteger(32), 8: storeInteger(64) } as const;

/** () -> 1 when ST(0) was rounded to an integer value. */
export const ROUND_TOP: LibraryFunction<'i32'> = {
  name: 'roundTop',
  params: [],
  result: 'i32',
  build: (f) => {
    const words = controlAndStatus(f);
    const stack = new Stack(f);
    declineUnless(f, i32.and(stack.topIsUsed, isMasked(words)));
    const address = stack.address();
    const a = load(f, address);
    const normal = f.let(isNormal(a));
    f.if(i32.or(isZero(a), i32.and(normal, i32.ge_u(exponentOf(a), i32.const(BIAS + 63)))), () => {
      setExact(f, words);
      f.return(i32.const(1));
    });
    declineUnless(f, normal);
    const { magnitude, inexact, roundedUp } = integerPart(f, a, f.let(roundingOf(words)));
    const shift = f.let(i64.clz(magnitude));
    const exponent = i32.sub(i32.const(BIAS + 63), i32.wrap_i64(shift));
    store(f, address, {
      significand: i64.shl(magnitude, shift),
      top: i32.or(signOf(a.top), select(i64.eqz(magnitude), i32.const(0), exponent)),
    });
    setStatus(f, words, inexact, roundedUp);
    f.return(i32.const(1));
    f.unreachable();
  },
};
