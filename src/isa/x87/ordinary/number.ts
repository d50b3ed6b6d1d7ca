/**
 * The short way for ordinary operands: normal numbers of middling size and zeros, results rounded to
 * nearest, all exceptions masked. The functions in this folder work on registers in their packed form,
 * write the destination and the status word themselves and return 1; or they find something that is
 * not ordinary, change nothing and return 0, and the way through `float/` is taken.
 */
import { type I32, type I64, i32, i64, select } from '../../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../../wasm/function.ts';
import { EXCEPTION, INTEGER_BIT } from '../../float/workspace.ts';
import { STATE } from '../../state.ts';
import type { MutableRaw, Raw } from '../stack.ts';
import { CONDITION, FCW, FSW } from '../status.ts';

export const BIAS = 16383;
const EXPONENT = 0x7fff;
export const SIGN = 0x8000;

/** FCW in the low half, FSW in the high half. */
export const controlAndStatus = (f: FunctionBuilder): Local<'i32'> =>
  f.let(i32.load(f.param(0, 'i32'), STATE.FCW));

/** All exceptions are masked, whatever the rounding. */
export const isMasked = (words: I32): I32 =>
  i32.eq(i32.and(words, i32.const(FCW.MASKS)), i32.const(FCW.MASKS));

const ROUNDING = 3 << FCW.ROUNDING_SHIFT;
/** This bit of precision control set: 64 bits when the one below is set, too, else 53. */
const WIDE = 2 << FCW.PRECISION_SHIFT;
const WIDEST = 1 << FCW.PRECISION_SHIFT;

export const isNearest = (words: I32): I32 =>
  i32.eq(i32.and(words, i32.const(FCW.MASKS | ROUNDING)), i32.const(FCW.MASKS));

/** Precision control rounds to 64 bits. */
export const isWidest = (words: I32): I32 => i32.and(words, i32.const(WIDEST));

/** Masked, to nearest, and 53 or 64 bits of precision. */
export const isUsual = (words: I32): I32 =>
  i32.eq(i32.and(words, i32.const(FCW.MASKS | ROUNDING | WIDE)), i32.const(FCW.MASKS | WIDE));

const decline = (f: FunctionBuilder): void => f.return(i32.const(0));
export const declineUnless = (f: FunctionBuilder, condition: I32): void =>
  f.if(i32.eqz(condition), () => decline(f));

// --- the stack ------------------------------------------------------------------------------------

/** TOP and tags at the beginning of an instruction. */
export class Stack {
  private readonly f: FunctionBuilder;
  private readonly state: I32;
  private readonly top: Local<'i32'>;

  constructor(f: FunctionBuilder) {
    this.f = f;
    this.state = f.param(0, 'i32');
    this.top = f.let(i32.load(this.state, STATE.FTOP));
  }

  /** Bit n: ST(n) is in use, for n from 0 to 7. */
  private get used(): I32 {
    return i32.shr_u(i32.mul(i32.load(this.state, STATE.FTAG), i32.const(0x101)), this.top);
  }

  areUsed(mask: I32): I32 {
    const wanted = this.f.let(mask);
    return i32.eq(i32.and(this.used, wanted), wanted);
  }

  get topIsUsed(): I32 {
    return i32.and(this.used, i32.const(1));
  }

  /** The register above the top is free to be pushed into. */
  get hasRoom(): I32 {
    return i32.eqz(i32.and(this.used, i32.const(0x80)));
  }

  /** Address of ST(index), to which STATE.X87 is to be added. */
  address(index?: I32): Local<'i32'> {
    const number = index === undefined ? this.top : i32.and(i32.add(this.top, index), i32.const(7));
    return this.f.let(i32.add(this.state, i32.shl(number, i32.const(4))));
  }

  push(value: Raw): void {
    const { f, state } = this;
    const top = f.let(i32.and(i32.sub(this.top, i32.const(1)), i32.const(7)));
    f.store('i32', state, top, STATE.FTOP);
    store(f, f.let(i32.add(state, i32.shl(top, i32.const(4)))), value);
    const bit = i32.shl(i32.const(1), top);
    f.store('i32', state, i32.or(i32.load(state, STATE.FTAG), bit), STATE.FTAG);
  }

  /** Tags ST(index) as in use, after it was written. */
  use(index: I32): void {
    const bit = i32.shl(i32.const(1), i32.and(i32.add(this.top, index), i32.const(7)));
    this.f.store('i32', this.state, i32.or(i32.load(this.state, STATE.FTAG), bit), STATE.FTAG);
  }

  /** Pops 0, 1 or 2 registers, all of them in use. */
  pop(count: I32): void {
    const { f, state, top } = this;
    const bits = i32.sub(i32.shl(i32.const(1), count), i32.const(1));
    // Two registers from R7 on are R7 and R0.
    const rotated = f.let(i32.mul(i32.shl(bits, top), i32.const(0x101)));
    const freed = i32.shr_u(rotated, i32.const(8));
    f.store('i32', state, i32.and(i32.load(state, STATE.FTAG), i32.xor(freed, i32.const(-1))), STATE.FTAG);
    f.store('i32', state, i32.and(i32.add(top, count), i32.const(7)), STATE.FTOP);
  }
}

export const load = (f: FunctionBuilder, address: I32): MutableRaw => ({
  significand: f.let(i64.load(address, STATE.X87)),
  top: f.let(i32.load16_u(address, STATE.X87 + 8)),
});

export function store(f: FunctionBuilder, address: I32, value: Raw): void {
  f.store('i64', address, value.significand, STATE.X87);
  f.store('i32_16', address, value.top, STATE.X87 + 8);
}

// --- kinds ----------------------------------------------------------------------------------------

export const exponentOf = (a: Raw): I32 => i32.and(a.top, i32.const(EXPONENT));
export const signOf = (top: I32): I32 => i32.and(top, i32.const(SIGN));

export const isZero = (a: Raw): I32 => i64.eqz(i64.or(a.significand, i64.extend_i32_u(exponentOf(a))));

/** Neither denormal nor special; not zero. */
export const isNormal = (a: Raw): I32 =>
  i32.and(
    i64.lt_s(a.significand, i64.const(0)),
    i32.lt_u(i32.sub(exponentOf(a), i32.const(1)), i32.const(EXPONENT - 1)),
  );

/** Biased exponents of magnitudes from 2^-4096 to 2^4096: sums, products and quotients stay in range. */
const MIDDLE = { from: BIAS + 1 - 0x1000, count: 0x2000 };

export const isMiddling = (a: Raw): I32 =>
  i32.and(
    i64.lt_s(a.significand, i64.const(0)),
    i32.lt_u(i32.sub(exponentOf(a), i32.const(MIDDLE.from)), i32.const(MIDDLE.count)),
  );

export function areMiddling(a: Raw, b: Raw): I32 {
  const above = (x: Raw): I32 => i32.sub(exponentOf(x), i32.const(MIDDLE.from));
  return i32.and(
    i64.lt_s(i64.and(a.significand, b.significand), i64.const(0)),
    i32.lt_u(i32.or(above(a), above(b)), i32.const(MIDDLE.count)),
  );
}

// --- memory operands ------------------------------------------------------------------------------

/** A number in memory as a register has it; returns 0 from the function if it is not ordinary. */
export type Widen = (f: FunctionBuilder, bits: I64) => MutableRaw;

/** Formats with an implied integer bit. */
function widenReal(width: 32 | 64, fractionBits: number, bias: number): Widen {
  const exponentMask = (1 << (width - 1 - fractionBits)) - 1;
  return (f, bits) => {
    const high = f.let(i32.wrap_i64(i64.shr_u(bits, i64.const(width - 16))));
    const exponent = f.let(
      i32.and(i32.shr_u(high, i32.const(fractionBits - width + 16)), i32.const(exponentMask)),
    );
    const significand = f.let(i64.or(i64.shl(bits, i64.const(63 - fractionBits)), i64.const(INTEGER_BIT)));
    const top = f.let(i32.or(signOf(high), i32.add(exponent, i32.const(BIAS - bias))));
    f.if(i32.ge_u(i32.sub(exponent, i32.const(1)), i32.const(exponentMask - 1)), () => {
      declineUnless(f, i64.eqz(i64.shl(bits, i64.const(65 - width))));
      f.set(significand, i64.const(0));
      f.set(top, signOf(high));
    });
    return { significand, top };
  };
}

export const widenSingle = widenReal(32, 23, 127);
export const widenDouble = widenReal(64, 52, 1023);

/** A sign-extended integer. */
export const widenInteger: Widen = (f, value) => {
  const negative = f.let(i64.shr_s(value, i64.const(63)));
  const magnitude = f.let(i64.sub(i64.xor(value, negative), negative));
  const shift = f.let(i64.clz(magnitude));
  const exponent = i32.sub(i32.const(BIAS + 63), i32.wrap_i64(shift));
  const top = i32.or(signOf(i32.wrap_i64(negative)), exponent);
  return {
    significand: f.let(i64.shl(magnitude, shift)),
    top: f.let(select(i64.eqz(magnitude), i32.const(0), top)),
  };
};

// --- results --------------------------------------------------------------------------------------

const WITHOUT_C1 = ~(FSW.C1 << 16);

/** Writes control and status word as one, since they are read as one: the processor forwards it then. */
const storeWords = (f: FunctionBuilder, words: I32): void =>
  f.store('i32', f.param(0, 'i32'), words, STATE.FCW);

/** Sets C1 and, when `inexact`, PE. Both 0 or 1. */
export function setStatus(f: FunctionBuilder, words: I32, inexact: I32, roundedUp: I32): void {
  const flags = i32.or(
    i32.mul(inexact, i32.const(EXCEPTION.PRECISION << 16)),
    i32.mul(roundedUp, i32.const(FSW.C1 << 16)),
  );
  storeWords(f, i32.or(i32.and(words, i32.const(WITHOUT_C1)), flags));
}

/** Clears C1. */
export const setExact = (f: FunctionBuilder, words: I32): void =>
  storeWords(f, i32.and(words, i32.const(WITHOUT_C1)));

/** Clears C1 and puts C3, C2 and C0 as in `conditions`. */
export const setConditions = (f: FunctionBuilder, words: I32, conditions: I32): void =>
  storeWords(
    f,
    i32.or(i32.and(words, i32.const(~((FSW.C1 | CONDITION) << 16))), i32.shl(conditions, i32.const(16))),
  );

/** A magnitude before rounding: 64 bits with the integer bit set, and the 64 below, the lowest one sticky. */
export interface Wide {
  readonly high: Local<'i64'>;
  readonly low: Local<'i64'>;
  /** Biased. */
  readonly exponent: Local<'i32'>;
}

/** Whether `low` below a last place that is `odd` rounds up: to nearest, ties to even. */
export const roundsToNearest = (low: I64, odd: I32): I32 =>
  i32.and(
    i32.wrap_i64(i64.shr_u(low, i64.const(63))),
    i32.or(i64.ne(i64.shl(low, i64.const(1)), i64.const(0)), odd),
  );

const SPARE_53 = 11;

/** Rounds to nearest, as precision control says; writes the register at `address` and the status. */
export function deliverRounded(
  f: FunctionBuilder,
  words: I32,
  address: I32,
  sign: I32,
  { high, low, exponent }: Wide,
): void {
  const spare = f.let(i64.const(0));
  f.if(i32.eqz(isWidest(words)), () => {
    const sticky = i64.extend_i32_u(i64.ne(low, i64.const(0)));
    f.set(low, i64.or(i64.shl(high, i64.const(64 - SPARE_53)), sticky));
    f.set(spare, i64.const(SPARE_53));
    f.set(high, i64.and(high, i64.const(-(1 << SPARE_53))));
  });
  const odd = i32.wrap_i64(i64.and(i64.shr_u(high, spare), i64.const(1)));
  const up = f.let(roundsToNearest(low, odd));
  // No branch: results round up as often as not.
  f.set(high, i64.add(high, i64.shl(i64.extend_i32_u(up), spare)));
  f.if(i64.eqz(high), () => {
    f.set(high, i64.const(INTEGER_BIT));
    f.set(exponent, i32.add(exponent, i32.const(1)));
  });
  store(f, address, { significand: high, top: i32.or(sign, exponent) });
  setStatus(f, words, i64.ne(low, i64.const(0)), up);
}

/** Writes a result that is exact as it is. */
export function deliverExact(f: FunctionBuilder, words: I32, address: I32, value: Raw): void {
  store(f, address, value);
  setExact(f, words);
}
