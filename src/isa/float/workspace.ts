/**
 * Where the floating-point functions keep their operands and results: three unpacked numbers and
 * what lies below the result's significand, at STATE.FLOAT of the CPU block.
 *
 * How the parts fit together, for SSE and x87 alike:
 *
 *   unpack.ts      bits of a format -> A or B
 *   arithmetic.ts  A, B -> R, exact: 64 bits of significand and LOW, the 64 bits below it
 *   integers.ts    A -> integer, integer -> R, A -> R rounded to an integer value
 *   round.ts       R, LOW -> R, rounded to a precision and exponent range
 *   pack.ts        R -> bits of a format
 *
 * Every function that can signal returns the exception flags (EXCEPTION, the bits of MXCSR and of the
 * x87 status word). None of them looks at NaNs among its operands: which NaN is delivered, and denormal
 * operands (DE, DAZ), are the caller's business, who sees them from the kinds that unpacking returns.
 */
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import { STATE } from '../state.ts';

/** Offsets of the unpacked numbers in the CPU block. */
export const SLOT = { A: STATE.FLOAT, B: STATE.FLOAT + 24, R: STATE.FLOAT + 48 } as const;

/** i64 below R's significand; its lowest bit also stands for anything not zero further down. */
export const LOW = STATE.FLOAT + 72;

/** i32 for callers that work on several lanes: the flags of all of them. */
export const FLAGS = STATE.FLOAT + 80;

/** i32 for library functions that have another result: the unmasked ones among the flags they settled. */
export const UNMASKED = STATE.FLOAT + 84;

/** Unpacked number = (-1)^sign * significand / 2^63 * 2^exponent. */
export const FIELD = {
  /** i64; bit 63 set for FINITE unless denormalised by rounding. NaNs: integer bit, quiet bit 62, payload. */
  SIGNIFICAND: 0,
  /** i32, unbiased; undefined unless FINITE. */
  EXPONENT: 8,
  /** i32, 0 or 1 */
  SIGN: 12,
  /** i32, KIND */
  KIND: 16,
} as const;

/** Bits, so that several kinds or operands can be tested at once. */
export const KIND = {
  ZERO: 1,
  /** Not zero. */
  FINITE: 2,
  INFINITE: 4,
  QUIET: 8,
  SIGNALING: 16,
  /** 80-bit encodings that the x87 does not support: unnormals, pseudo-infinities, pseudo-NaNs. */
  UNSUPPORTED: 32,
  /** With FINITE: the operand was encoded as a denormal. */
  DENORMAL: 64,
  /** x87: the operand is a register that the tag word calls empty. */
  EMPTY: 128,
  NAN: 8 | 16,
} as const;

/** Exception flags as in MXCSR 5:0 and the x87 status word; ROUNDED_UP is where the latter has C1. */
export const EXCEPTION = {
  INVALID: 1,
  DENORMAL: 2,
  ZERO_DIVIDE: 4,
  OVERFLOW: 8,
  UNDERFLOW: 16,
  PRECISION: 32,
  /** x87: with INVALID, a register was empty or, for a push, not empty. */
  STACK_FAULT: 64,
  ROUNDED_UP: 0x200,
} as const;

/** Rounding control, as in MXCSR 14:13 and FCW 11:10. */
export const ROUNDING = { NEAREST: 0, DOWN: 1, UP: 2, ZERO: 3 } as const;

/**
 * The `control` argument (i32): exception masks at the bits of EXCEPTION, rounding control at 7:6, flush
 * to zero at 8; that is, MXCSR >> 7. For x87: FCW 5:0 | FCW 11:10 << 6.
 */
export const CONTROL = { ROUNDING_SHIFT: 6, FLUSH: 0x100 } as const;

export const roundingOf = (control: I32): I32 =>
  i32.and(i32.shr_u(control, i32.const(CONTROL.ROUNDING_SHIFT)), i32.const(3));

/** Precision in bits, integer bit included, and largest exponent of a format. Smallest: 1 - maximum. */
export interface Range {
  readonly precision: number;
  readonly maximum: number;
}

export const RANGE = {
  SINGLE: { precision: 24, maximum: 127 },
  DOUBLE: { precision: 53, maximum: 1023 },
  /** With x87 precision control, `precision` may be 24 or 53. */
  EXTENDED: { precision: 64, maximum: 16383 },
} as const;

/** The real-indefinite QNaN: negative, only the integer and the quiet bit set. */
export const INDEFINITE = 0xc000_0000_0000_0000n;
export const INTEGER_BIT = 1n << 63n;
export const QUIET_BIT = 1n << 62n;

/** Reads and writes one unpacked number; `state` is the CPU block's address. */
export class Slot {
  private readonly f: FunctionBuilder;
  private readonly state: I32;
  private readonly offset: number;

  constructor(f: FunctionBuilder, state: I32, offset: number) {
    this.f = f;
    this.state = state;
    this.offset = offset;
  }

  get significand(): I64 {
    return i64.load(this.state, this.offset + FIELD.SIGNIFICAND);
  }

  get exponent(): I32 {
    return i32.load(this.state, this.offset + FIELD.EXPONENT);
  }

  get sign(): I32 {
    return i32.load(this.state, this.offset + FIELD.SIGN);
  }

  get kind(): I32 {
    return i32.load(this.state, this.offset + FIELD.KIND);
  }

  setSignificand(value: I64): void {
    this.f.store('i64', this.state, value, this.offset + FIELD.SIGNIFICAND);
  }

  setExponent(value: I32): void {
    this.f.store('i32', this.state, value, this.offset + FIELD.EXPONENT);
  }

  setSign(value: I32): void {
    this.f.store('i32', this.state, value, this.offset + FIELD.SIGN);
  }

  setKind(kind: number): void {
    this.f.store('i32', this.state, i32.const(kind), this.offset + FIELD.KIND);
  }

  setFinite(sign: I32, exponent: I32, significand: I64): void {
    this.setSign(sign);
    this.setExponent(exponent);
    this.setSignificand(significand);
    this.setKind(KIND.FINITE);
  }

  setZero(sign: I32): void {
    this.setSign(sign);
    this.setSignificand(i64.const(0));
    this.setKind(KIND.ZERO);
  }

  setInfinite(sign: I32): void {
    this.setSign(sign);
    this.setSignificand(i64.const(INTEGER_BIT));
    this.setKind(KIND.INFINITE);
  }

  setIndefinite(): void {
    this.setSign(i32.const(1));
    this.setSignificand(i64.const(INDEFINITE));
    this.setKind(KIND.QUIET);
  }

  /** Everything of `other`, but a sign of its own if one is given. */
  copy(other: Slot, sign: I32 = other.sign): void {
    this.setSign(sign);
    this.setExponent(other.exponent);
    this.setSignificand(other.significand);
    this.f.store('i32', this.state, other.kind, this.offset + FIELD.KIND);
  }
}

export const slots = (f: FunctionBuilder, state: I32 = f.param(0, 'i32')) => ({
  a: new Slot(f, state, SLOT.A),
  b: new Slot(f, state, SLOT.B),
  r: new Slot(f, state, SLOT.R),
  setLow: (value: I64): void => f.store('i64', state, value, LOW),
  low: i64.load(state, LOW),
});

/** True when `value` and `mask` have a bit in common. */
export const has = (value: I32, mask: number): I32 => i32.ne(i32.and(value, i32.const(mask)), i32.const(0));
