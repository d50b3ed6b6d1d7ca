/** FADD, FSUB, FMUL and FDIV of ordinary numbers: see `number.ts`. */
import { type I32, type I64, i32, i64, select } from '../../../wasm/expression.ts';
import type { FunctionBuilder } from '../../../wasm/function.ts';
import type { LibraryFunction, LibraryUser } from '../../definition.ts';
import { DIVIDE_WIDE, multiplyHigh } from '../../float/wide.ts';
import type { MutableRaw } from '../stack.ts';
import {
  areMiddling,
  BIAS,
  controlAndStatus,
  declineUnless,
  deliverExact,
  deliverRounded,
  exponentOf,
  isMiddling,
  isUsual,
  isWidest,
  isZero,
  load,
  SIGN,
  Stack,
  signOf,
  type Wide,
  type Widen,
  widenDouble,
  widenInteger,
  widenSingle,
} from './number.ts';

const ONE = i64.const(1);
const bit63 = (a: I64): I64 => i64.shr_u(a, i64.const(63));

/** Where a result goes. */
interface Destination {
  readonly words: I32;
  readonly address: I32;
  /** Ends the function once the result is written. */
  readonly finish: () => void;
}

/** Changes `a` and `b`. */
type Compute = (f: FunctionBuilder, use: LibraryUser, a: MutableRaw, b: MutableRaw, to: Destination) => void;

function exchange(f: FunctionBuilder, a: MutableRaw, b: MutableRaw): void {
  const significand = f.let(a.significand);
  const top = f.let(a.top);
  f.set(a.significand, b.significand);
  f.set(a.top, b.top);
  f.set(b.significand, significand);
  f.set(b.top, top);
}

/** high:low shifted up until the integer bit is set; not zero. */
function normalize(f: FunctionBuilder, { high, low, exponent }: Wide): void {
  f.if(i64.eqz(high), () => {
    f.set(high, low);
    f.set(low, i64.const(0));
    f.set(exponent, i32.sub(exponent, i32.const(64)));
  });
  const shift = f.let(i64.clz(high));
  const carried = i64.shr_u(i64.shr_u(low, ONE), i64.xor(shift, i64.const(63)));
  f.set(high, i64.or(i64.shl(high, shift), carried));
  f.set(low, i64.shl(low, shift));
  f.set(exponent, i32.sub(exponent, i32.wrap_i64(shift)));
}

/** Zeros: x + 0 = x unless it has to be rounded, and -0 only from two of them. */
function sumWithZero(f: FunctionBuilder, a: MutableRaw, b: MutableRaw, to: Destination): void {
  declineUnless(f, isWidest(to.words));
  f.if(isZero(a), () => {
    f.if(isZero(b), () => {
      deliverExact(f, to.words, to.address, { ...a, top: i32.and(a.top, b.top) });
      to.finish();
    });
    exchange(f, a, b);
  });
  declineUnless(f, i32.and(isZero(b), isMiddling(a)));
  deliverExact(f, to.words, to.address, a);
  to.finish();
}

const sum: Compute = (f, _, a, b, to) => {
  f.if(i32.eqz(areMiddling(a, b)), () => sumWithZero(f, a, b, to));
  f.if(i32.lt_u(exponentOf(a), exponentOf(b)), () => exchange(f, a, b));
  const exponent = f.let(exponentOf(a));
  const distance = f.let(i64.extend_i32_u(i32.sub(exponent, exponentOf(b))));
  const large = a.significand;
  const small = b.significand;
  /** The smaller number in units of the larger one's last place. */
  const high = f.let(i64.shr_u(small, distance));
  const low = f.let(i64.shl(i64.shl(small, ONE), i64.xor(distance, i64.const(63))));
  f.if(i64.gt_u(distance, i64.const(63)), () => {
    f.set(high, i64.const(0));
    // From 66 places on it only matters that something is there.
    const halved = i64.or(i64.shr_u(small, ONE), i64.and(small, ONE));
    f.set(low, select(i64.eq(distance, i64.const(65)), halved, ONE));
    f.set(low, select(i64.eq(distance, i64.const(64)), small, low));
  });
  const sign = f.let(signOf(a.top));
  f.if(
    i32.eq(sign, signOf(b.top)),
    () => {
      f.set(high, i64.add(large, high));
      // One place down when a carry came out.
      const carry = f.let(i64.extend_i32_u(i64.lt_u(high, large)));
      const fallen = i64.shl(i64.and(high, carry), i64.const(63));
      f.set(low, i64.or(fallen, i64.or(i64.shr_u(low, carry), i64.and(low, carry))));
      f.set(high, i64.or(i64.shr_u(high, carry), i64.shl(carry, i64.const(63))));
      f.set(exponent, i32.add(exponent, i32.wrap_i64(carry)));
    },
    () => {
      // Of equal exponents, `small` may be the larger one: nothing is below it then.
      const negative = f.let(i32.and(i64.eqz(distance), i64.lt_u(large, small)));
      f.set(sign, i32.xor(sign, i32.shl(negative, i32.const(15))));
      const borrow = i64.extend_i32_u(i64.ne(low, i64.const(0)));
      const difference = f.let(i64.sub(i64.sub(large, high), borrow));
      f.set(high, select(negative, i64.sub(i64.const(0), difference), difference));
      f.set(low, i64.sub(i64.const(0), low));
      f.if(i64.eqz(i64.or(high, low)), () => {
        deliverExact(f, to.words, to.address, { significand: high, top: i32.const(0) });
        to.finish();
      });
      normalize(f, { high, low, exponent });
    },
  );
  deliverRounded(f, to.words, to.address, sign, { high, low, exponent });
  to.finish();
};

/** A zero with the sign of a product or quotient. */
function deliverZero(f: FunctionBuilder, a: MutableRaw, b: MutableRaw, to: Destination): void {
  deliverExact(f, to.words, to.address, { significand: i64.const(0), top: signOf(i32.xor(a.top, b.top)) });
  to.finish();
}

const product: Compute = (f, _, a, b, to) => {
  f.if(i32.eqz(areMiddling(a, b)), () => {
    const [zeroA, zeroB] = [f.let(isZero(a)), f.let(isZero(b))];
    const bothFine = i32.and(i32.or(zeroA, isMiddling(a)), i32.or(zeroB, isMiddling(b)));
    declineUnless(f, bothFine);
    deliverZero(f, a, b, to);
  });
  const high = multiplyHigh(f, a.significand, b.significand);
  const low = f.let(i64.mul(a.significand, b.significand));
  const exponent = f.let(i32.sub(i32.add(exponentOf(a), exponentOf(b)), i32.const(BIAS - 1)));
  // One place up, as often as not.
  const shift = f.let(i64.xor(bit63(high), ONE));
  f.set(high, i64.or(i64.shl(high, shift), i64.and(bit63(low), shift)));
  f.set(low, i64.shl(low, shift));
  f.set(exponent, i32.sub(exponent, i32.wrap_i64(shift)));
  deliverRounded(f, to.words, to.address, signOf(i32.xor(a.top, b.top)), { high, low, exponent });
  to.finish();
};

const quotient: Compute = (f, use, a, b, to) => {
  f.if(i32.eqz(areMiddling(a, b)), () => {
    declineUnless(f, i32.and(isZero(a), isMiddling(b)));
    deliverZero(f, a, b, to);
  });
  const exponent = f.let(i32.add(i32.sub(exponentOf(a), exponentOf(b)), i32.const(BIAS - 1)));
  const divisor = b.significand;
  const dividend = f.let(a.significand);
  const below = f.let(i64.const(0));
  const halved = f.let(i64.extend_i32_u(i64.ge_u(dividend, divisor)));
  f.set(below, i64.shl(i64.and(dividend, halved), i64.const(63)));
  f.set(dividend, i64.shr_u(dividend, halved));
  f.set(exponent, i32.add(exponent, i32.wrap_i64(halved)));
  const high = f.let(use.library(DIVIDE_WIDE, dividend, below, divisor));
  const rest = f.let(i64.sub(below, i64.mul(high, divisor)));
  // The next bit of the quotient, and whether anything follows it: the rest against half the divisor.
  const complement = f.let(i64.sub(divisor, rest));
  const half = i64.shl(i64.extend_i32_u(i64.ge_u(rest, complement)), i64.const(63));
  const more = i32.and(i64.ne(rest, i64.const(0)), i64.ne(rest, complement));
  const low = f.let(i64.or(half, i64.extend_i32_u(more)));
  deliverRounded(f, to.words, to.address, signOf(i32.xor(a.top, b.top)), { high, low, exponent });
  to.finish();
};

// --- functions --------------------------------------------------------------------------------------

/** What the signs or the order of the operands become: the last arguments of the functions. */
export interface Manner {
  /** For sums: SIGN where the sign of the destination or of the source is changed. For quotients: divisor and dividend exchanged. */
  readonly first: number;
  readonly second: number;
}

export const MANNER = {
  AS_IT_IS: { first: 0, second: 0 },
  SUBTRACT: { first: 0, second: SIGN },
  SUBTRACT_REVERSED: { first: SIGN, second: 0 },
  REVERSED: { first: 1, second: 0 },
} as const satisfies Record<string, Manner>;

const COMPUTE = { sum, product, quotient } as const;
type Operation = keyof typeof COMPUTE;

/** Applies the manner, in the parameters from `at` on, and computes. */
function compute(
  operation: Operation,
  f: FunctionBuilder,
  use: LibraryUser,
  at: number,
  [a, b]: readonly [MutableRaw, MutableRaw],
  to: Destination,
): void {
  const [first, second] = [f.param(at, 'i32'), f.param(at + 1, 'i32')];
  if (operation === 'sum') {
    f.set(a.top, i32.xor(a.top, first));
    f.set(b.top, i32.xor(b.top, second));
  } else if (operation === 'quotient') {
    f.if(first, () => exchange(f, a, b));
  }
  COMPUTE[operation](f, use, a, b, to);
  f.unreachable();
}

/** (destination, source, registers to pop, manner...) -> 1, or 0 when declined. */
const ofRegisters = (operation: Operation): LibraryFunction<'i32'> => ({
  name: `${operation}OfRegisters`,
  params: ['i32', 'i32', 'i32', 'i32', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const [destination, source, pops] = [f.param(1, 'i32'), f.param(2, 'i32'), f.param(3, 'i32')];
    const words = controlAndStatus(f);
    const stack = new Stack(f);
    const bit = (index: I32): I32 => i32.shl(i32.const(1), index);
    const used = stack.areUsed(i32.or(bit(destination), bit(source)));
    declineUnless(f, i32.and(used, isUsual(words)));
    const address = stack.address(destination);
    const operands = [load(f, address), load(f, stack.address(source))] as const;
    const finish = () => {
      f.if(pops, () => stack.pop(pops));
      f.return(i32.const(1));
    };
    compute(operation, f, use, 4, operands, { words, address, finish });
  },
});

/** (bits, manner...) -> 1, or 0 when declined. ST(0) and a memory operand. */
const withMemory = (operation: Operation, format: string, widen: Widen): LibraryFunction<'i32'> => ({
  name: `${operation}With${format}`,
  params: ['i64', 'i32', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const words = controlAndStatus(f);
    const stack = new Stack(f);
    declineUnless(f, i32.and(stack.topIsUsed, isUsual(words)));
    const source = widen(f, f.param(1, 'i64'));
    const address = stack.address();
    const finish = () => f.return(i32.const(1));
    compute(operation, f, use, 2, [load(f, address), source], { words, address, finish });
  },
});

export interface OrdinaryOperation {
  readonly registers: LibraryFunction<'i32'>;
  readonly single: LibraryFunction<'i32'>;
  readonly double: LibraryFunction<'i32'>;
  readonly integer: LibraryFunction<'i32'>;
}

const ordinary = (operation: Operation): OrdinaryOperation => ({
  registers: ofRegisters(operation),
  single: withMemory(operation, 'Single', widenSingle),
  double: withMemory(operation, 'Double', widenDouble),
  integer: withMemory(operation, 'Integer', widenInteger),
});

export const SUM = ordinary('sum');
export const PRODUCT = ordinary('product');
export const QUOTIENT = ordinary('quotient');
