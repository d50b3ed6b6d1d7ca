/** Loads, copies and sign changes without an exception: see `number.ts`. */
import { type I32, i32 } from '../../../wasm/expression.ts';
import type { FunctionBuilder } from '../../../wasm/function.ts';
import type { LibraryFunction } from '../../definition.ts';
import {
  controlAndStatus,
  declineUnless,
  load,
  Stack,
  setExact,
  store,
  type Widen,
  widenDouble,
  widenInteger,
  widenSingle,
} from './number.ts';

const bit = (index: I32): I32 => i32.shl(i32.const(1), index);

const succeed = (f: FunctionBuilder): void => {
  setExact(f, controlAndStatus(f));
  f.return(i32.const(1));
  f.unreachable();
};

/** (bits) -> 1 when pushed. */
const pushFrom = (format: string, widen: Widen): LibraryFunction<'i32'> => ({
  name: `push${format}`,
  params: ['i64'],
  result: 'i32',
  build: (f) => {
    const stack = new Stack(f);
    declineUnless(f, stack.hasRoom);
    stack.push(widen(f, f.param(1, 'i64')));
    succeed(f);
  },
});

export const PUSH_FROM = {
  single: pushFrom('Single', widenSingle),
  double: pushFrom('Double', widenDouble),
  integer: pushFrom('Integer', widenInteger),
} as const;

/** (significand, sign and exponent) -> 1 when pushed; any encoding. */
export const PUSH_CONTENTS: LibraryFunction<'i32'> = {
  name: 'pushContents',
  params: ['i64', 'i32'],
  result: 'i32',
  build: (f) => {
    const stack = new Stack(f);
    declineUnless(f, stack.hasRoom);
    stack.push({ significand: f.param(1, 'i64'), top: f.param(2, 'i32') });
    succeed(f);
  },
};

/** (index) -> 1 when ST(index) was pushed. */
export const PUSH_COPY: LibraryFunction<'i32'> = {
  name: 'pushCopy',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const stack = new Stack(f);
    const index = f.param(1, 'i32');
    declineUnless(f, i32.and(stack.hasRoom, stack.areUsed(bit(index))));
    stack.push(load(f, stack.address(index)));
    succeed(f);
  },
};

/** (index, registers to pop) -> 1 when ST(0) was copied to ST(index), which may have been empty. */
export const COPY_TOP: LibraryFunction<'i32'> = {
  name: 'copyTop',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [index, pops] = [f.param(1, 'i32'), f.param(2, 'i32')];
    const stack = new Stack(f);
    declineUnless(f, stack.topIsUsed);
    store(f, stack.address(index), load(f, stack.address()));
    stack.use(index);
    stack.pop(pops);
    succeed(f);
  },
};

/** (index) -> 1 when ST(0) and ST(index) were exchanged. */
export const EXCHANGE: LibraryFunction<'i32'> = {
  name: 'exchange',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const index = f.param(1, 'i32');
    const stack = new Stack(f);
    declineUnless(f, stack.areUsed(i32.or(bit(index), i32.const(1))));
    const [first, second] = [stack.address(), stack.address(index)];
    const [a, b] = [load(f, first), load(f, second)];
    store(f, first, b);
    store(f, second, a);
    succeed(f);
  },
};

/** (mask, change) -> 1 when ST(0)'s sign and exponent were cut to `mask` and `change` exclusive-ored to it. */
export const CHANGE_TOP: LibraryFunction<'i32'> = {
  name: 'changeTop',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const stack = new Stack(f);
    declineUnless(f, stack.topIsUsed);
    const address = stack.address();
    const { significand, top } = load(f, address);
    const changed = i32.xor(i32.and(top, f.param(1, 'i32')), f.param(2, 'i32'));
    store(f, address, { significand, top: changed });
    succeed(f);
  },
};
