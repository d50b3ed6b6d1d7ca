/**
 * ADD, SUB, MUL, DIV and SQRT of PS, PD, SS and SD, and the horizontal forms of SSE3.
 *
 * Fast path: the WebAssembly operation, when MXCSR asks for nothing unusual, no operand is a denormal
 * or NaN and the result is normal, or exact for a reason that is easy to see. Exact path: float-lanes.ts.
 */
import { type I32, i32, type V128 } from '../../wasm/expression.ts';
import { f32x4, f64x2, i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import { type Arithmetic, vectorArithmetic } from './float-lanes.ts';
import { attributesOf, finite, operandsOf, ordinary, PD, PS, SHAPES, type Shape } from './float-shapes.ts';
import { isPlain, settle } from './mxcsr.ts';
import { shuffleDwords, shuffleQwords } from './operations.ts';

type Value = Parameters<Shape['abs']>[0];

/** Whether the result `r` of ordinary operands can neither have underflowed nor be special. */
function resultIsPlain(s: Shape, operation: Arithmetic, a: Value, b: Value, r: Value) {
  switch (operation) {
    // A sum that is denormal is exact; a root is never near the ends of the range.
    case 'add':
    case 'sub':
    case 'sqrt':
      return finite(s, r);
    case 'mul':
      return s.and(
        finite(s, r),
        s.or(s.le(s.minimumNormal, s.abs(r)), s.or(s.eq(a, s.zero), s.eq(b, s.zero))),
      );
    case 'div':
      return s.and(finite(s, r), s.or(s.le(s.minimumNormal, s.abs(r)), s.eq(a, s.zero)));
  }
}

function fastPath(c: Context, s: Shape, operation: Arithmetic, a: Value, b: Value, r: Value): I32 {
  const operands = operation === 'sqrt' ? ordinary(s, b) : s.and(ordinary(s, a), ordinary(s, b));
  const all = s.all(s.and(operands, resultIsPlain(s, operation, a, b, r)));
  return i32.and(isPlain(i32.load(c.field(STATE.MXCSR))), all);
}

const same = (s: Shape, operation: Arithmetic): Arithmetic[] =>
  Array.from({ length: s.lanes }, () => operation);

/** `destination` op `source`, in registers: `exact` is the library function for the same. */
function operate(
  c: Context,
  s: Shape,
  operation: Arithmetic,
  exact: LibraryFunction<'v128'>,
  destination: V128,
  source: V128,
): void {
  const { f } = c;
  const a = f.let(s.value(destination));
  const b = f.let(s.value(source));
  const r = f.let(s.arithmetic(operation, a, b));
  const result = f.local('v128');
  f.if(
    fastPath(c, s, operation, a, b, r),
    () => f.set(result, s.merge(destination, r)),
    () => {
      f.set(result, c.library(exact, destination, source));
      settle(c);
    },
  );
  c.writeV(0, result);
}

function arithmetic(s: Shape, operation: Arithmetic): Semantics {
  const exact = vectorArithmetic(s.format, same(s, operation));
  return (c) => operate(c, s, operation, exact, c.f.let(c.readV(0)), c.f.let(c.readV(1)));
}

const OPERATIONS: readonly (readonly [Arithmetic, string])[] = [
  ['sqrt', '51'],
  ['add', '58'],
  ['mul', '59'],
  ['sub', '5C'],
  ['div', '5E'],
];

/** Even and odd lanes of both operands: what HADD and HSUB combine. */
const pairs = (s: Shape, a: V128, b: V128): [V128, V128] =>
  s.format.lanes === 4
    ? [shuffleDwords(a, b, [0, 2, 4, 6]), shuffleDwords(a, b, [1, 3, 5, 7])]
    : [shuffleQwords(a, b, [0, 2]), shuffleQwords(a, b, [1, 3])];

function horizontal(s: Shape, operation: 'add' | 'sub'): Semantics {
  const exact = vectorArithmetic(s.format, same(s, operation));
  return (c) => {
    const [even, odd] = pairs(s, c.f.let(c.readV(0)), c.f.let(c.readV(1)));
    operate(c, s, operation, exact, c.f.let(even), c.f.let(odd));
  };
}

/** ADDSUB: even lanes subtract, which the fast path does by changing the sign of the source there. */
function alternating(s: Shape): Semantics {
  const operations = Array.from({ length: s.lanes }, (_, i): Arithmetic => (i % 2 === 0 ? 'sub' : 'add'));
  const exact = vectorArithmetic(s.format, operations);
  const signs = s.format.lanes === 4 ? i32x4.const(-0x8000_0000, 0) : i64x2.const(-(1n << 63n), 0n);
  const add = s.format.lanes === 4 ? f32x4.add : f64x2.add;
  return (c) => {
    const { f } = c;
    const a = f.let(c.readV(0));
    const b = f.let(c.readV(1));
    const r = f.let(add(a, v128.xor(b, signs)));
    f.if(i32.eqz(fastPath(c, s, 'add', a, b, r)), () => {
      f.set(r, c.library(exact, a, b));
      settle(c);
    });
    c.writeV(0, r);
  };
}

const row = (
  s: Shape,
  prefix: string,
  mnemonic: string,
  opcode: string,
  semantics: Semantics,
): Instruction => ({
  mnemonic: `${mnemonic}${s.suffix}`,
  encoding: `${prefix} 0F ${opcode}`,
  operands: operandsOf(s),
  attributes: attributesOf(s),
  feature: s.feature,
  semantics,
});

const sse3 = (s: Shape, prefix: string): Instruction[] =>
  [
    row(s, prefix, 'HADD', '7C', horizontal(s, 'add')),
    row(s, prefix, 'HSUB', '7D', horizontal(s, 'sub')),
    row(s, prefix, 'ADDSUB', 'D0', alternating(s)),
  ].map((r) => ({ ...r, feature: 'sse3' }));

export const floatArithmetic: readonly Instruction[] = [
  ...OPERATIONS.flatMap(([operation, opcode]) =>
    SHAPES.map((s) => row(s, s.prefix, operation.toUpperCase(), opcode, arithmetic(s, operation))),
  ),
  ...sse3(PD, '66'),
  ...sse3(PS, 'F2'),
];
