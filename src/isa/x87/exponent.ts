/** FRNDINT, FSCALE, FXTRACT. SDM volume 2. */
import { type I32, i32, i64, select } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { FROM_INTEGER, ROUND_TO_INTEGER } from '../float/integers.ts';
import { EXPONENT_WRAP, ROUND } from '../float/round.ts';
import { EXCEPTION, has, KIND, RANGE, SLOT, slots } from '../float/workspace.ts';
import { onRegisters } from './operands.ts';
import { operation } from './operation.ts';
import { EXTRACT_TOP, SCALE_TOP } from './ordinary/exponent.ts';
import { ROUND_TOP } from './ordinary/integer.ts';
import {
  deliver,
  INDEFINITE_RAW,
  isEmpty,
  named,
  perform,
  result,
  rotate,
  TOP,
  unpack,
  writeRaw,
} from './stack.ts';
import { controlOf, isUnmasked, STACK_OVERFLOW } from './status.ts';

const FRNDINT = operation({
  name: 'frndint',
  unary: true,
  rounding: 'none',
  compute: (_, use, state) => use.library(ROUND_TO_INTEGER, controlOf(state)),
});

const roundToInteger: Semantics = (c) =>
  c.f.if(i32.eqz(c.library(ROUND_TOP)), () => {
    perform(c, unpack(c, SLOT.A, TOP));
    perform(c, deliver(c, TOP, c.f.let(c.library(FRNDINT))));
  });

/** Beyond this a scale only says "far": between the ends of the range lie fewer than 2^16 powers of two. */
const FAR = 0x1_0000;

/** B truncated to an integer, at most FAR in magnitude; B is finite. */
function truncated(f: FunctionBuilder, state: I32): I32 {
  const { b } = slots(f, state);
  const exponent = f.let(b.exponent);
  const magnitude = f.let(i32.const(FAR));
  f.if(i32.lt_s(exponent, i32.const(16)), () => {
    const whole = i64.shr_u(b.significand, i64.extend_i32_s(i32.sub(i32.const(63), exponent)));
    f.set(magnitude, select(i32.lt_s(exponent, i32.const(0)), i32.const(0), i32.wrap_i64(whole)));
  });
  return f.let(select(b.sign, i32.sub(i32.const(0), magnitude), magnitude));
}

/** () -> flags. R = A * 2^trunc(B). */
const SCALE: LibraryFunction<'i32'> = {
  name: 'scale',
  params: [],
  result: 'i32',
  build: (f) => {
    const state = f.param(0, 'i32');
    const { a, b, r, setLow } = slots(f);
    setLow(i64.const(0));
    r.copy(a);
    f.if(has(b.kind, KIND.INFINITE), () => {
      /** Infinity * 0, or 0 * infinity. */
      const undefinedKind = select(b.sign, i32.const(KIND.INFINITE), i32.const(KIND.ZERO));
      f.if(i32.eq(a.kind, undefinedKind), () => {
        r.setIndefinite();
        f.return(i32.const(EXCEPTION.INVALID));
      });
      f.if(
        b.sign,
        () => r.setZero(a.sign),
        () => r.setInfinite(a.sign),
      );
      f.return(i32.const(0));
    });
    f.if(i32.and(has(a.kind, KIND.FINITE), has(b.kind, KIND.FINITE)), () =>
      r.setExponent(i32.add(a.exponent, truncated(f, state))),
    );
    f.return(i32.const(0));
    f.unreachable();
  },
};

/**
 * Results whose exponent stays out of range even when wrapped: unmasked overflow gives infinity, unmasked
 * underflow zero. Returns with them.
 */
function finishFar(f: FunctionBuilder, state: I32): void {
  const { r } = slots(f);
  const { maximum } = RANGE.EXTENDED;
  const limit = maximum + EXPONENT_WRAP;
  const finish = (far: I32, exception: number, set: () => void, more: number): void =>
    f.if(i32.and(far, isUnmasked(state, exception)), () => {
      set();
      f.return(i32.const(exception | EXCEPTION.PRECISION | more));
    });
  const [above, below] = [i32.gt_s(r.exponent, i32.const(limit)), i32.lt_s(r.exponent, i32.const(1 - limit))];
  f.if(has(r.kind, KIND.FINITE), () => {
    finish(above, EXCEPTION.OVERFLOW, () => r.setInfinite(r.sign), EXCEPTION.ROUNDED_UP);
    finish(below, EXCEPTION.UNDERFLOW, () => r.setZero(r.sign), 0);
  });
}

/** () -> flags. SCALE, rounded to 64 bits. */
const SCALE_AND_ROUND: LibraryFunction<'i32'> = {
  name: 'scaleAndRound',
  params: [],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const { precision, maximum } = RANGE.EXTENDED;
    const flags = f.let(use.library(SCALE));
    f.if(flags, () => f.return(flags));
    finishFar(f, state);
    f.return(use.library(ROUND, i32.const(precision), i32.const(maximum), controlOf(state)));
    f.unreachable();
  },
};

const FSCALE = operation({
  name: 'fscale',
  rounding: 'none',
  compute: (_, use) => use.library(SCALE_AND_ROUND),
});

const scale: Semantics = (c) =>
  c.f.if(i32.eqz(c.library(SCALE_TOP)), () => {
    perform(c, unpack(c, SLOT.A, TOP));
    perform(c, unpack(c, SLOT.B, i32.const(1)));
    perform(c, deliver(c, TOP, c.f.let(c.library(FSCALE))));
  });

/** The exponent of A as a number. */
const EXPONENT = operation({
  name: 'exponentOf',
  unary: true,
  rounding: 'none',
  compute: (f, use) => {
    const { a, r } = slots(f);
    const flags = f.let(i32.const(0));
    f.if(
      has(a.kind, KIND.FINITE),
      () => f.let(use.library(FROM_INTEGER, i64.extend_i32_s(a.exponent))),
      () => {
        const isZero = f.let(has(a.kind, KIND.ZERO));
        r.setInfinite(isZero);
        f.set(flags, i32.mul(isZero, i32.const(EXCEPTION.ZERO_DIVIDE)));
      },
    );
    return flags;
  },
});

/** A with the exponent 0. Its flags are those of EXPONENT. */
const SIGNIFICAND = operation({
  name: 'significandOf',
  unary: true,
  rounding: 'none',
  compute: (f) => {
    const { a, r } = slots(f);
    r.copy(a);
    r.setExponent(i32.const(0));
    return i32.const(0);
  },
});

/** The exponent replaces ST(0), the significand is pushed: both or neither. */
const extract: Semantics = (c) => c.f.if(i32.eqz(c.library(EXTRACT_TOP)), () => extractAny(c));

function extractAny(c: Context): void {
  const { f } = c;
  const state = c.field(0);
  perform(c, unpack(c, SLOT.A, TOP));
  perform(c, c.library(SIGNIFICAND));
  const significand = named(f, result(c));
  const flags = f.let(c.library(EXPONENT));
  const exponent = named(f, result(c));
  const full = i32.eqz(i32.or(isEmpty(state, i32.const(-1)), has(flags, EXCEPTION.STACK_FAULT)));
  f.if(full, () => {
    f.set(flags, i32.const(STACK_OVERFLOW));
    for (const value of [significand, exponent]) {
      f.set(value.significand, INDEFINITE_RAW.significand);
      f.set(value.top, INDEFINITE_RAW.top);
    }
  });
  f.if(deliver(c, TOP, flags, exponent), () => {
    rotate(f, state, -1);
    writeRaw(f, state, TOP, significand);
  });
}

export const exponents: readonly Instruction[] = [
  onRegisters('FRNDINT', 'D9 FC', roundToInteger),
  onRegisters('FSCALE', 'D9 FD', scale),
  onRegisters('FXTRACT', 'D9 F4', extract),
];
