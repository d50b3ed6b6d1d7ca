/**
 * DPPS and DPPD (SSE4.1): products of the lanes that immediate 7:4 selects (zero elsewhere), their sum
 * in the lanes that immediate 3:0 selects (zero elsewhere). Products and sums signal one after the other.
 */
import { type I32, type I64, i32, type V128 } from '../../wasm/expression.ts';
import { i32x4, v128 } from '../../wasm/simd.ts';
import type { Instruction, LibraryFunction, LibraryUser, Semantics } from '../definition.ts';
import { DOUBLES, LANE, type LaneFormat, SINGLES } from './float-lanes.ts';
import { clearFlags, settle } from './mxcsr.ts';
import { laneMask } from './operations.ts';
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

function dotProduct(format: LaneFormat, selected: (immediate: I32) => V128): Semantics {
  const [multiply, add] = [products(format), sum(format)];
  return (c) => {
    const { f } = c;
    const destination = f.let(c.readV(0));
    const source = f.let(c.readV(1));
    const immediate = immediateByte(c);
    const terms = f.let(c.library(multiply, destination, source, immediate));
    settle(c);
    const bits = f.let(c.library(add, terms));
    settle(c);
    let everywhere: V128 = i32x4.const(0);
    for (let i = 0; i < format.lanes; i++) everywhere = format.replace(everywhere, i, bits);
    c.writeV(0, v128.and(everywhere, selected(immediate)));
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
  row('DPPS', '40', 'Vps,Wps,Ib', dotProduct(SINGLES, laneMask.dwords)),
  row('DPPD', '41', 'Vpd,Wpd,Ib', dotProduct(DOUBLES, laneMask.qwords)),
];
