/**
 * ADD, SUB, MUL, DIV and SQRT of PS, PD, SS and SD, and the horizontal forms of SSE3: the WebAssembly
 * operation in line when a glance at exponents and MXCSR allows it, else a function (float-general.ts).
 */
import { type Expression, type I32, i32, type V128 } from '../../wasm/expression.ts';
import { i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import { type Operation, operationOf } from './float-general.ts';
import { type Arithmetic, vectorArithmetic } from './float-lanes.ts';
import { attributesOf, operandsOf, PD, PS, SHAPES, type Shape } from './float-shapes.ts';
import { raiseUnmasked, unusual } from './mxcsr.ts';
import { shuffleDwords, shuffleQwords } from './operations.ts';

type Value = Expression;

/** The Wasm result serves as it is, and MXCSR stays: all numbers are of middling size. */
function isQuick(c: Context, s: Shape, operation: Arithmetic, a: Value, b: Value): I32 {
  const outside = {
    add: () => s.outside([a, b]),
    sub: () => s.outside([a, b]),
    sqrt: () => s.outside([b], true),
    mul: () => s.outsideOfFactors([a, b]),
    div: () => s.outsideOfFactors([a, b]),
  }[operation];
  return i32.eqz(i32.or(unusual(i32.load(c.field(STATE.MXCSR))), outside()));
}

const same = (s: Shape, operation: Arithmetic): Arithmetic[] =>
  Array.from({ length: s.lanes }, () => operation);

/** `destination` op `source`, in registers. */
function operate(c: Context, o: Operation, destination: V128, source: V128): void {
  const { f } = c;
  const { shape: s, operation } = o;
  const a = f.let(s.value(destination));
  const b = f.let(s.value(o.changed(source)));
  const result = f.local('v128');
  f.ifLikely(
    isQuick(c, s, operation, a, b),
    () => f.set(result, s.merge(destination, s.arithmetic(operation, a, b))),
    () => {
      f.set(result, c.library(o.general, destination, source));
      raiseUnmasked(c);
    },
  );
  c.writeV(0, result);
}

const operations = new Map<string, Operation>();

/** The same operation in all lanes. */
function plainOperation(s: Shape, operation: Arithmetic): Operation {
  const key = `${operation} ${s.suffix}`;
  const o = operations.get(key) ?? operationOf(s, operation, vectorArithmetic(s.format, same(s, operation)));
  operations.set(key, o);
  return o;
}

function arithmetic(s: Shape, operation: Arithmetic): Semantics {
  const o = plainOperation(s, operation);
  return (c) => operate(c, o, c.f.let(c.readV(0)), c.f.let(c.readV(1)));
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
  const o = plainOperation(s, operation);
  return (c) => {
    const [even, odd] = pairs(s, c.f.let(c.readV(0)), c.f.let(c.readV(1)));
    operate(c, o, c.f.let(even), c.f.let(odd));
  };
}

/** ADDSUB: even lanes subtract, which the Wasm addition does by a changed sign of the source there. */
function alternating(s: Shape): Semantics {
  const operations = Array.from({ length: s.lanes }, (_, i): Arithmetic => (i % 2 === 0 ? 'sub' : 'add'));
  const signs = s.format.lanes === 4 ? i32x4.const(-0x8000_0000, 0) : i64x2.const(-(1n << 63n), 0n);
  const exact = vectorArithmetic(s.format, operations);
  const o = operationOf(s, 'add', exact, (source) => v128.xor(source, signs));
  return (c) => operate(c, o, c.f.let(c.readV(0)), c.f.let(c.readV(1)));
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
