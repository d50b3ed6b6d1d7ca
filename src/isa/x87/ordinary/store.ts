/** FST and FSTP of ordinary numbers to memory: see `number.ts`. */
import { i32, i64 } from '../../../wasm/expression.ts';
import type { LibraryFunction } from '../../definition.ts';
import { STATE } from '../../state.ts';
import {
  BIAS,
  controlAndStatus,
  declineUnless,
  exponentOf,
  isNearest,
  isZero,
  load,
  roundsToNearest,
  Stack,
  setExact,
  setStatus,
  signOf,
} from './number.ts';

/** (host address, registers to pop) -> 1 when stored. */
function storeReal(width: 32 | 64, fractionBits: number, bias: number): LibraryFunction<'i32'> {
  /** Bits of the significand that do not fit. */
  const spare = i64.const(63 - fractionBits);
  const largest = 2 * bias;
  return {
    name: `storeReal${width}`,
    params: ['i32', 'i32'],
    result: 'i32',
    build: (f) => {
      const [host, pops] = [f.param(1, 'i32'), f.param(2, 'i32')];
      const words = controlAndStatus(f);
      const stack = new Stack(f);
      declineUnless(f, i32.and(stack.topIsUsed, isNearest(words)));
      const a = load(f, stack.address());
      const op = width === 32 ? 'i64_32' : 'i64';
      const sign = i64.shl(i64.extend_i32_u(signOf(a.top)), i64.const(width - 16));
      const finish = () => {
        f.if(pops, () => stack.pop(pops));
        f.return(i32.const(1));
      };
      f.if(isZero(a), () => {
        f.store(op, host, sign);
        setExact(f, words);
        finish();
      });
      // The largest exponent is left to the other way, since its numbers may round to infinity.
      const exponent = f.let(i32.sub(exponentOf(a), i32.const(BIAS - bias)));
      const inRange = i32.lt_u(i32.sub(exponent, i32.const(1)), i32.const(largest - 1));
      declineUnless(f, i32.and(i64.lt_s(a.significand, i64.const(0)), inRange));
      const kept = f.let(i64.shr_u(a.significand, spare));
      const rest = f.let(i64.shl(a.significand, i64.const(fractionBits + 1)));
      const up = f.let(roundsToNearest(rest, i32.wrap_i64(i64.and(kept, i64.const(1)))));
      // The integer bit, and a carry out of the fraction, add to the exponent.
      const places = i64.shl(i64.extend_i32_u(i32.sub(exponent, i32.const(1))), i64.const(fractionBits));
      const magnitude = i64.add(i64.add(places, kept), i64.extend_i32_u(up));
      f.store(op, host, i64.or(sign, magnitude));
      setStatus(f, words, i64.ne(rest, i64.const(0)), up);
      finish();
      f.unreachable();
    },
  };
}

export const STORE_REAL = { 4: storeReal(32, 23, 127), 8: storeReal(64, 52, 1023) } as const;

/** (host address) -> 1 when the contents of ST(0) were stored and popped. */
export const STORE_CONTENTS: LibraryFunction<'i32'> = {
  name: 'storeContents',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const host = f.param(1, 'i32');
    const stack = new Stack(f);
    declineUnless(f, stack.topIsUsed);
    const address = stack.address();
    f.store('i64', host, i64.load(address, STATE.X87));
    f.store('i32_16', host, i32.load16_u(address, STATE.X87 + 8), 8);
    stack.pop(i32.const(1));
    setExact(f, controlAndStatus(f));
    f.return(i32.const(1));
    f.unreachable();
  },
};
