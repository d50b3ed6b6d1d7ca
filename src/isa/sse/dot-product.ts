/**
 * DPPS and DPPD (SSE4.1): products of the lanes that immediate 7:4 selects (zero elsewhere), their sum
 * in the lanes that immediate 3:0 selects (zero elsewhere). Products and sums signal one after the other.
 */
import { type I32, type I64, i32, type V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { i32x4, low, v128 } from '../../wasm/simd.ts';
import type { Instruction, LibraryFunction, LibraryUser, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import { LANE, type LaneFormat } from './float-lanes.ts';
import { PD, PS, type Shape } from './float-shapes.ts';
import { clearFlags, settle, unusual } from './mxcsr.ts';
import { laneMask, shuffleDwords, shuffleQwords } from './operations.ts';
import { immediateByte } from './rows.ts';

/** (a, b, immediate) -> products */
const products = (format: LaneFormat): LibraryFunction<'v128'> => ({
  name: `dotProducts${format.name}`,
  params: ['v128', 'v128', 'i32'],
  result: 'v128',
  build: (f, use) => {
    const [a, b] = [f.param(1, 'v128'), f.param(2, 'v128')];
    clearFlags(f, f.param(0, 'i32'));
    const result = f.let(i32x4.const(0));
    for (let i = 0; i < format.lanes; i++) {
      f.if(i32.and(f.param(3, 'i32'), i32.const(16 << i)), () => {
        const product = use.library(LANE[format.name].mul, format.extract(a, i), format.extract(b, i));
        f.set(result, format.replace(result, i, product));
      });
    }
    f.return(result);
    f.unreachable();
  },
});

/** Adds neighbours until one is left. */
function total(use: LibraryUser, format: LaneFormat, terms: readonly I64[]): I64 {
  if (terms.length === 1) return terms[0];
  const sums: I64[] = [];
  for (let i = 0; i < terms.length; i += 2) {
    sums.push(use.library(LANE[format.name].add, terms[i], terms[i + 1]));
  }
  return total(use, format, sums);
}

/** (products) -> their sum's bits */
const sum = (format: LaneFormat): LibraryFunction<'i64'> => ({
  name: `dotSum${format.name}`,
  params: ['v128'],
  result: 'i64',
  build: (f, use) => {
    clearFlags(f, f.param(0, 'i32'));
    const terms = Array.from({ length: format.lanes }, (_, i) => format.extract(f.param(1, 'v128'), i));
    f.return(total(use, format, terms));
    f.unreachable();
  },
});

/** The sum of the products in the low lane, in the order of `total`. */
function quickSum(f: FunctionBuilder, s: Shape, terms: V128): V128 {
  const plus = (x: V128, y: V128): Local<'v128'> => f.let(s.arithmetic('add', x, y) as V128);
  const sums = s.format.lanes === 4 ? plus(terms, shuffleDwords(terms, terms, [1, 0, 3, 2])) : terms;
  return plus(sums, shuffleQwords(sums, sums, [1, 0]));
}

/** Immediate: lanes to be multiplied in 7:4, lanes that get the sum in 3:0. */
function dotProduct(s: Shape, selected: (immediate: I32) => V128): Semantics {
  const { format } = s;
  const [multiply, add] = [products(format), sum(format)];
  const everywhere = format.lanes === 4 ? [0, 0, 0, 0] : [0, 1, 0, 1];
  return (c) => {
    const { f } = c;
    const destination = f.let(c.readV(0));
    const source = f.let(c.readV(1));
    const immediate = immediateByte(c);
    const multiplied = f.let(selected(i32.shr_u(immediate, i32.const(4))));
    const [a, b] = [f.let(v128.and(destination, multiplied)), f.let(v128.and(source, multiplied))];
    const terms = f.let(s.arithmetic('mul', a, b) as V128);
    const result = f.local('v128');
    f.if(
      i32.or(unusual(i32.load(c.field(STATE.MXCSR))), s.outsideButZero([a, b, terms])),
      () => {
        f.set(terms, c.library(multiply, destination, source, immediate));
        settle(c);
        const bits = f.let(c.library(add, terms));
        settle(c);
        f.set(result, low.i64(bits));
      },
      () => f.set(result, quickSum(f, s, terms)),
    );
    c.writeV(0, v128.and(shuffleDwords(result, result, everywhere), selected(immediate)));
  };
}

const row = (mnemonic: string, opcode: string, operands: string, semantics: Semantics): Instruction => ({
  mnemonic,
  encoding: `66 0F 3A ${opcode}`,
  operands,
  attributes: 'sse align modify',
  feature: 'sse4_1',
  semantics,
});

export const dotProducts: readonly Instruction[] = [
  row('DPPS', '40', 'Vps,Wps,Ib', dotProduct(PS, laneMask.dwords)),
  row('DPPD', '41', 'Vpd,Wpd,Ib', dotProduct(PD, laneMask.qwords)),
];
