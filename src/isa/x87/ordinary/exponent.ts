/** FSCALE and FXTRACT of ordinary numbers, which are exact: see `number.ts`. */
import { i32, i64, select } from '../../../wasm/expression.ts';
import type { LibraryFunction } from '../../definition.ts';
import {
  BIAS,
  controlAndStatus,
  declineUnless,
  exponentOf,
  isMasked,
  isMiddling,
  isNormal,
  isZero,
  load,
  Stack,
  setExact,
  signOf,
  store,
  widenInteger,
} from './number.ts';

/** Scales below 2^12 leave middling numbers in the range of normal ones. */
const SCALE_BITS = 12;

/** () -> 1 when ST(0) was multiplied by 2 to the power of ST(1), which was cut to an integer. */
export const SCALE_TOP: LibraryFunction<'i32'> = {
  name: 'scaleTop',
  params: [],
  result: 'i32',
  build: (f) => {
    const words = controlAndStatus(f);
    const stack = new Stack(f);
    declineUnless(f, i32.and(stack.areUsed(i32.const(3)), isMasked(words)));
    const address = stack.address();
    const [a, b] = [load(f, address), load(f, stack.address(i32.const(1)))];
    const power = f.let(i32.sub(exponentOf(b), i32.const(BIAS)));
    const known = i32.and(i32.or(isNormal(b), isZero(b)), i32.lt_s(power, i32.const(SCALE_BITS)));
    declineUnless(f, i32.and(isMiddling(a), known));
    f.if(i32.ge_s(power, i32.const(0)), () => {
      const whole = i64.shr_u(b.significand, i64.extend_i32_u(i32.sub(i32.const(63), power)));
      const scale = f.let(i32.wrap_i64(whole));
      const change = select(signOf(b.top), i32.sub(i32.const(0), scale), scale);
      store(f, address, { significand: a.significand, top: i32.add(a.top, change) });
    });
    setExact(f, words);
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** () -> 1 when ST(0) was replaced by its exponent, and its significand pushed. */
export const EXTRACT_TOP: LibraryFunction<'i32'> = {
  name: 'extractTop',
  params: [],
  result: 'i32',
  build: (f) => {
    const words = controlAndStatus(f);
    const stack = new Stack(f);
    declineUnless(f, i32.and(i32.and(stack.topIsUsed, stack.hasRoom), isMasked(words)));
    const address = stack.address();
    const a = load(f, address);
    declineUnless(f, isMiddling(a));
    const exponent = i32.sub(exponentOf(a), i32.const(BIAS));
    store(f, address, widenInteger(f, f.let(i64.extend_i32_s(exponent))));
    stack.push({ significand: a.significand, top: i32.or(signOf(a.top), i32.const(BIAS)) });
    setExact(f, words);
    f.return(i32.const(1));
    f.unreachable();
  },
};
