/**
 * PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (SSE4.2): SDM volume 1, "String and Text Processing
 * Instructions"; volume 2, "Imm8 Control Byte Operation".
 *
 *   immediate  1:0 elements: unsigned bytes, unsigned words, signed bytes, signed words
 *              3:2 aggregation: equal any, ranges, equal each, equal ordered
 *              5:4 polarity: bit 4 negates, bit 5 only where the second string is valid
 *              6   index of the most significant one / mask of whole elements
 */
import { FLAG } from '../../arch/registers.ts';
import { type I32, type I64, i32, i64, select, type V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { i8x16, i16x8, low, v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import { laneMask } from './operations.ts';
import { immediateByte } from './rows.ts';

const FIRST = STATE.TEMPORARY;
const SECOND = STATE.TEMPORARY + 16;

const bit = (value: I32, n: number): I32 => i32.and(i32.shr_u(value, i32.const(n)), i32.const(1));

/** Elements of a register: 16, or 8 words. */
const elementCount = (immediate: I32): I32 => i32.shr_u(i32.const(16), bit(immediate, 0));

/** Element `index` of the string at `offset`, extended as the immediate says. */
function element(f: FunctionBuilder, state: I32, offset: number, index: I32, immediate: I32): Local<'i32'> {
  const result = f.local('i32');
  const words = i32.add(state, i32.shl(index, i32.const(1)));
  const bytes = i32.add(state, index);
  f.if(
    bit(immediate, 0),
    () => f.set(result, select(bit(immediate, 1), i32.load16_s(words, offset), i32.load16_u(words, offset))),
    () => f.set(result, select(bit(immediate, 1), i32.load8_s(bytes, offset), i32.load8_u(bytes, offset))),
  );
  return result;
}

/** for (counter = 0; counter < limit; counter += step) */
function counted(f: FunctionBuilder, limit: I32, step: number, body: (counter: Local<'i32'>) => void): void {
  const counter = f.let(i32.const(0));
  f.block((done) => {
    f.loop((next) => {
      f.brIf(done, i32.ge_u(counter, limit));
      body(counter);
      f.set(counter, i32.add(counter, i32.const(step)));
      f.br(next);
    });
  });
}

/** (first, second, length of first, length of second, immediate) -> IntRes2 of the manual. */
const COMPARE_STRINGS: LibraryFunction<'i32'> = {
  name: 'compareStrings',
  params: ['v128', 'v128', 'i32', 'i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const state = f.param(0, 'i32');
    const [length1, length2, immediate] = [f.param(3, 'i32'), f.param(4, 'i32'), f.param(5, 'i32')];
    f.store('v128', state, f.param(1, 'v128'), FIRST);
    f.store('v128', state, f.param(2, 'v128'), SECOND);
    const count = f.let(elementCount(immediate));
    const all = f.let(i32.sub(i32.shl(i32.const(1), count), i32.const(1)));
    const result = f.let(i32.const(0));
    const mark = (index: I32) => f.set(result, i32.or(result, i32.shl(i32.const(1), index)));
    const first = (index: I32) => element(f, state, FIRST, index, immediate);
    const second = (index: I32) => element(f, state, SECOND, index, immediate);

    const equalAny = () =>
      counted(f, length2, 1, (j) => {
        const b = second(j);
        counted(f, length1, 1, (i) => f.if(i32.eq(first(i), b), () => mark(j)));
      });
    const ranges = () =>
      counted(f, length2, 1, (j) => {
        const b = second(j);
        // A range needs both of its ends.
        counted(f, i32.and(length1, i32.const(~1)), 2, (i) => {
          const [from, to] = [first(i), first(i32.add(i, i32.const(1)))];
          f.if(i32.and(i32.le_s(from, b), i32.le_s(b, to)), () => mark(j));
        });
      });
    const equalEach = () =>
      counted(f, count, 1, (i) => {
        const [valid1, valid2] = [f.let(i32.lt_u(i, length1)), f.let(i32.lt_u(i, length2))];
        const equal = i32.eq(first(i), second(i));
        f.if(select(i32.and(valid1, valid2), equal, i32.eq(valid1, valid2)), () => mark(i));
      });
    const equalOrdered = () =>
      counted(f, count, 1, (j) => {
        const matches = f.let(i32.const(1));
        // Past the register's end nothing is compared.
        const room = i32.sub(count, j);
        counted(f, select(i32.lt_u(length1, room), length1, room), 1, (i) => {
          const position = f.let(i32.add(i, j));
          const equal = i32.eq(first(i), second(position));
          f.set(matches, i32.and(matches, i32.and(i32.lt_u(position, length2), equal)));
        });
        f.if(matches, () => mark(j));
      });

    const odd = bit(immediate, 2);
    f.if(
      bit(immediate, 3),
      () => f.if(odd, equalOrdered, equalEach),
      () => f.if(odd, ranges, equalAny),
    );
    const valid2 = i32.sub(i32.shl(i32.const(1), length2), i32.const(1));
    const negated = select(bit(immediate, 5), valid2, all);
    f.return(i32.xor(result, select(bit(immediate, 4), negated, i32.const(0))));
    f.unreachable();
  },
};

/** Length up to the first zero element. */
function implicitLength(c: Context, v: V128, immediate: I32): Local<'i32'> {
  const zeroBytes = i8x16.bitmask(i8x16.eq(v, i8x16.const(0)));
  const zeroWords = i16x8.bitmask(i16x8.eq(v, i16x8.const(0)));
  const zeros = select(bit(immediate, 0), zeroWords, zeroBytes);
  // A one after the last element stands for the register's end.
  return c.f.let(i32.ctz(i32.or(zeros, i32.shl(i32.const(1), elementCount(immediate)))));
}

/** min(|register|, elements) */
function explicitLength(c: Context, register: number, immediate: I32): Local<'i32'> {
  const value = c.f.let(c.gpr(register, c.size === 64 ? 64 : 32));
  const magnitude: I64 = select(i64.lt_s(value, i64.const(0)), i64.sub(i64.const(0), value), value);
  const count = i64.extend_i32_u(elementCount(immediate));
  const length = c.f.let(magnitude);
  return c.f.let(i32.wrap_i64(select(i64.lt_u(length, count), length, count)));
}

const RAX = 0;
const RCX = 1;
const RDX = 2;

function compareStrings(explicit: boolean, index: boolean): Semantics {
  return (c) => {
    const { f } = c;
    const first = f.let(c.readV(0));
    const second = f.let(c.readV(1));
    const immediate = immediateByte(c);
    const length1 = explicit ? explicitLength(c, RAX, immediate) : implicitLength(c, first, immediate);
    const length2 = explicit ? explicitLength(c, RDX, immediate) : implicitLength(c, second, immediate);
    const result = f.let(c.library(COMPARE_STRINGS, first, second, length1, length2, immediate));
    const count = elementCount(immediate);
    if (index) {
      const last = i32.sub(i32.const(31), i32.clz(result));
      const found = select(bit(immediate, 6), last, i32.ctz(result));
      c.setGpr(RCX, i64.extend_i32_u(select(result, found, count)), 32);
    } else {
      const high = i32.shr_u(result, i32.const(8));
      const bits = i8x16.const(1, 2, 4, 8, 16, 32, 64, -128);
      const spread = i8x16.shuffle(
        i8x16.splat(result),
        i8x16.splat(high),
        Array.from({ length: 16 }, (_, i) => (i < 8 ? 0 : 16)),
      );
      const bytes = i8x16.eq(v128.and(spread, bits), bits);
      const elements = select(bit(immediate, 0), laneMask.words(result), bytes);
      c.setXmm(0, select(bit(immediate, 6), elements, low.i32(result)));
    }
    const flags = [
      i32.mul(i32.ne(result, i32.const(0)), i32.const(FLAG.CF)),
      i32.mul(i32.lt_u(length2, count), i32.const(FLAG.ZF)),
      i32.mul(i32.lt_u(length1, count), i32.const(FLAG.SF)),
      i32.mul(bit(result, 0), i32.const(FLAG.OF)),
    ];
    c.flags.raw(flags.reduce((a, b) => i32.or(a, b)));
  };
}

const row = (mnemonic: string, opcode: string, semantics: Semantics, sized: boolean): Instruction => ({
  mnemonic,
  encoding: `66 0F 3A ${opcode}`,
  operands: 'Vdq,Wdq,Ib',
  // With REX.W the explicit lengths are in RAX and RDX.
  attributes: sized ? 'sse v' : 'sse',
  feature: 'sse4_2',
  semantics,
});

export const stringComparisons: readonly Instruction[] = [
  row('PCMPESTRM', '60', compareStrings(true, false), true),
  row('PCMPESTRI', '61', compareStrings(true, true), true),
  row('PCMPISTRM', '62', compareStrings(false, false), false),
  row('PCMPISTRI', '63', compareStrings(false, true), false),
];
