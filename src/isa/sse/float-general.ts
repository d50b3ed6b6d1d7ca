/**
 * Floating-point operations of whole registers for any operands and any MXCSR. The WebAssembly operation
 * serves when no operand is a denormal and no result tiny, or exact for a reason that is easy to see.
 * Results and flags of infinities and NaNs are put together by lane (float-special.ts); while the
 * precision flag is clear, the error of the result is computed to see whether to set it. Everything else
 * goes lane by lane: float-lanes.ts.
 */
import { type Expression, type I32, i32, type V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import { v128 } from '../../wasm/simd.ts';
import type { LibraryFunction } from '../definition.ts';
import { STATE } from '../state.ts';
import type { Arithmetic } from './float-lanes.ts';
import { PD, PS, type Shape } from './float-shapes.ts';
import { type Lanes, smallLanes, specialResult } from './float-special.ts';
import { finites } from './float-vectors.ts';
import { isPlainWhenExact, MXCSR, mxcsrOf, noneUnmasked, settleInside } from './mxcsr.ts';

type Value = Expression;

export interface Operation {
  readonly shape: Shape;
  /** What is done to the destination and the changed source, which is the same in all lanes. */
  readonly operation: Arithmetic;
  changed(source: V128): V128;
  /** (destination, source) -> destination, with the flags settled: see `raiseUnmasked`. */
  readonly general: LibraryFunction<'v128'>;
}

// --- exactness --------------------------------------------------------------------------------------

/** 2^h + 1 splits a significand into halves whose products are exact; exponents for which no error underflows. */
const SPLIT = {
  Single: { splitter: 2 ** 12 + 1, from: 2 ** -30, to: 2 ** 30 },
  Double: { splitter: 2 ** 27 + 1, from: 2 ** -250, to: 2 ** 250 },
} as const;

/** Zero, or far from the ends of the range. */
function isCentral(s: Shape, a: Value): Value {
  const { from, to } = SPLIT[s.format.name];
  const inside = s.and(s.le(s.number(from), s.abs(a)), s.le(s.abs(a), s.number(to)));
  return s.or(inside, s.eq(a, s.zero));
}

const calculator = (f: FunctionBuilder, s: Shape) => ({
  add: (a: Value, b: Value) => f.let(s.arithmetic('add', a, b)),
  sub: (a: Value, b: Value) => f.let(s.arithmetic('sub', a, b)),
  mul: (a: Value, b: Value) => f.let(s.arithmetic('mul', a, b)),
});

/** a b - p for p = a b rounded (Dekker and Veltkamp). */
function productError(f: FunctionBuilder, s: Shape, a: Value, b: Value, p: Value): Value {
  const { add, sub, mul } = calculator(f, s);
  const split = (x: Value): [Value, Value] => {
    const scaled = mul(s.number(SPLIT[s.format.name].splitter), x);
    const high = sub(scaled, sub(scaled, x));
    return [high, sub(x, high)];
  };
  const [[ah, al], [bh, bl]] = [split(a), split(b)];
  return add(add(add(sub(mul(ah, bh), p), mul(ah, bl)), mul(al, bh)), mul(al, bl));
}

/** a + b - r or a - b - r for the rounded r (Knuth). */
function sumError(f: FunctionBuilder, s: Shape, negate: boolean, a: Value, b: Value, r: Value): Value {
  const { add, sub } = calculator(f, s);
  const seen = sub(r, a);
  const [errorA, errorB] = [sub(a, sub(r, seen)), negate ? add(b, seen) : sub(b, seen)];
  return negate ? sub(errorA, errorB) : add(errorA, errorB);
}

/** Lanes where the rounded result `r` of central operands is exact. */
function isExact(f: FunctionBuilder, s: Shape, operation: Arithmetic, a: Value, b: Value, r: Value): Value {
  const backTo = (target: Value, x: Value, y: Value): Value => {
    const p = f.let(s.arithmetic('mul', x, y));
    return s.and(s.eq(p, target), s.eq(productError(f, s, x, y, p), s.zero));
  };
  switch (operation) {
    case 'add':
    case 'sub':
      return s.eq(sumError(f, s, operation === 'sub', a, b, r), s.zero);
    case 'mul':
      return s.eq(productError(f, s, a, b, r), s.zero);
    case 'div':
      return backTo(a, r, b);
    case 'sqrt':
      return backTo(b, r, r);
  }
}

// --- functions --------------------------------------------------------------------------------------

/** The operand of a scalar instruction in lane 0 of a vector of ones, which no operation finds anything about. */
const widened = (s: Shape, v: V128): V128 =>
  s.lanes === 1 ? s.merge(packedShape(s).number(1) as V128, s.value(v)) : v;

const packedShape = (s: Shape): Shape => (s.format.lanes === 4 ? PS : PD);

/** Whether exactness can be told: operands far from the ends of the range, finite results. */
function isKnown(s: Shape, { format, operation, a, b, r }: Lanes): I32 {
  const operands = operation === 'sqrt' ? isCentral(s, b) : s.and(isCentral(s, a), isCentral(s, b));
  return s.all(s.and(operands, finites(format, r)));
}

function generalOperation(
  { shape, operation, changed }: Omit<Operation, 'general'>,
  exact: LibraryFunction<'v128'>,
): LibraryFunction<'v128'> {
  return {
    name: `${exact.name}General`,
    params: ['v128', 'v128'],
    result: 'v128',
    build: (f, use) => {
      const [state, destination, source] = [f.param(0, 'i32'), f.param(1, 'v128'), f.param(2, 'v128')];
      const mxcsr = f.let(mxcsrOf(state));
      const s = packedShape(shape);
      const { format } = s;
      const a = f.let(widened(shape, destination));
      const b = f.let(widened(shape, changed(source)));
      const r = f.let(s.arithmetic(operation, a, b) as V128);
      const lanes: Lanes = { format, operation, a, b, r };
      const addFlags = (flags: I32): void => f.store('i32', state, i32.or(mxcsr, flags), STATE.MXCSR);
      const deliver = (result: V128): void => {
        noneUnmasked(f);
        f.return(shape.merge(destination, shape.value(result)));
      };
      const withoutPrecision = (): void =>
        f.if(i32.eqz(v128.any_true(smallLanes(lanes))), () => {
          f.if(s.all(finites(format, r)), () => deliver(r));
          const { result, flags } = specialResult(f, lanes, widened(shape, source));
          addFlags(flags);
          deliver(result);
        });
      const withPrecision = (): void =>
        f.if(isKnown(s, lanes), () => {
          const inexact = i32.eqz(s.all(isExact(f, s, operation, a, b, r)));
          f.if(inexact, () => addFlags(i32.const(MXCSR.PRECISION_FLAG)));
          deliver(r);
        });
      f.if(isPlainWhenExact(mxcsr), () =>
        f.if(i32.and(mxcsr, i32.const(MXCSR.PRECISION_FLAG)), withoutPrecision, withPrecision),
      );
      const result = f.let(use.library(exact, destination, source));
      settleInside(f, use);
      f.return(result);
      f.unreachable();
    },
  };
}

export function operationOf(
  shape: Shape,
  operation: Arithmetic,
  exact: LibraryFunction<'v128'>,
  changed: (source: V128) => V128 = (source) => source,
): Operation {
  const rules = { shape, operation, changed };
  return { ...rules, general: generalOperation(rules, exact) };
}
