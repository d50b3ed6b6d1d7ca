/** FCOM, FUCOM, FCOMI and their kin of ordinary numbers, which signal nothing: see `number.ts`. */
import { type I32, i32, i64, select } from '../../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../../wasm/function.ts';
import type { LibraryFunction } from '../../definition.ts';
import type { Raw } from '../stack.ts';
import { FSW } from '../status.ts';
import {
  controlAndStatus,
  declineUnless,
  isNormal,
  isZero,
  load,
  Stack,
  setConditions,
  signOf,
  type Widen,
  widenDouble,
  widenInteger,
  widenSingle,
} from './number.ts';

/** C0 for a below b, C3 for equality, else 0. */
function order(f: FunctionBuilder, a: Raw, b: Raw): Local<'i32'> {
  const below = i32.const(FSW.C0);
  const answer = f.let(i32.const(FSW.C3));
  const negative = signOf(a.top);
  f.if(
    signOf(i32.xor(a.top, b.top)),
    () => {
      // Zeros of unlike signs are equal.
      const any = i64.ne(i64.or(a.significand, b.significand), i64.const(0));
      f.if(any, () => f.set(answer, select(negative, below, i32.const(0))));
    },
    () => {
      const same = i32.eq(a.top, b.top);
      f.if(i32.eqz(i32.and(same, i64.eq(a.significand, b.significand))), () => {
        const smaller = i32.or(i32.lt_u(a.top, b.top), i32.and(same, i64.lt_u(a.significand, b.significand)));
        f.set(answer, select(i32.xor(smaller, i32.ne(negative, i32.const(0))), below, i32.const(0)));
      });
    },
  );
  return answer;
}

const isOrdinary = (a: Raw): I32 => i32.or(isNormal(a), isZero(a));

/** ST(0) and ST(index); `refuse` returns from the function. */
function registers(f: FunctionBuilder, stack: Stack, index: I32, refuse: () => void): [Raw, Raw] {
  const wanted = i32.or(i32.shl(i32.const(1), index), i32.const(1));
  f.if(i32.eqz(stack.areUsed(wanted)), refuse);
  const [a, b] = [load(f, stack.address()), load(f, stack.address(index))];
  f.if(i32.eqz(i32.and(isOrdinary(a), isOrdinary(b))), refuse);
  return [a, b];
}

/** (index, registers to pop) -> 1 when ST(0) was compared with ST(index). */
export const COMPARE_REGISTERS: LibraryFunction<'i32'> = {
  name: 'compareRegisters',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [index, pops] = [f.param(1, 'i32'), f.param(2, 'i32')];
    const stack = new Stack(f);
    const [a, b] = registers(f, stack, index, () => f.return(i32.const(0)));
    setConditions(f, controlAndStatus(f), order(f, a, b));
    f.if(pops, () => stack.pop(pops));
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** (index, registers to pop) -> C3 and C0 of ST(0) against ST(index), -1 when declined. The status word stays. */
export const ORDER_REGISTERS: LibraryFunction<'i32'> = {
  name: 'orderRegisters',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [index, pops] = [f.param(1, 'i32'), f.param(2, 'i32')];
    const stack = new Stack(f);
    const [a, b] = registers(f, stack, index, () => f.return(i32.const(-1)));
    const answer = order(f, a, b);
    f.if(pops, () => stack.pop(pops));
    f.return(answer);
    f.unreachable();
  },
};

/** (bits, registers to pop) -> 1 when ST(0) was compared with the memory operand. */
const compareWith = (format: string, widen: Widen): LibraryFunction<'i32'> => ({
  name: `compareWith${format}`,
  params: ['i64', 'i32'],
  result: 'i32',
  build: (f) => {
    const pops = f.param(2, 'i32');
    const stack = new Stack(f);
    declineUnless(f, stack.topIsUsed);
    const a = load(f, stack.address());
    declineUnless(f, isOrdinary(a));
    setConditions(f, controlAndStatus(f), order(f, a, widen(f, f.param(1, 'i64'))));
    f.if(pops, () => stack.pop(pops));
    f.return(i32.const(1));
    f.unreachable();
  },
});

export const COMPARE_WITH = {
  single: compareWith('Single', widenSingle),
  double: compareWith('Double', widenDouble),
  integer: compareWith('Integer', widenInteger),
} as const;
