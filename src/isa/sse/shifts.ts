/** Shifts by an immediate: of packed integers (SSE2 and MMX forms), and of whole registers by bytes. */
import type { I32, V128 } from '../../wasm/expression.ts';
import { i32, select } from '../../wasm/expression.ts';
import { i8x16, i16x8, i32x4, i64x2 } from '../../wasm/simd.ts';
import type { Instruction, Semantics } from '../definition.ts';
import { alignRight, atMost, shiftBytesLeft, shiftBytesRight, ZERO } from './operations.ts';
import { immediateByte, packedPattern } from './rows.ts';

type Shift = (a: V128, count: I32) => V128;

const logical =
  (shift: Shift, width: number): Shift =>
  (a, count) =>
    select(i32.lt_u(count, i32.const(width)), shift(a, count), ZERO);

const arithmetic =
  (shift: Shift, width: number): Shift =>
  (a, count) =>
    shift(a, atMost(count, width - 1));

/** The operand is ModRM.rm; ModRM.reg is part of the opcode. */
const inPlace =
  (shift: Shift): Semantics =>
  (c) =>
    c.writeV(0, shift(c.f.let(c.readV(0)), immediateByte(c)));

/** Sixteen bytes of `low` and `high` side by side, from byte `from` on; zeros beyond them. */
const window = (low: V128, high: V128, from: number): V128 => {
  if (from > 16) return from < 32 ? window(high, ZERO, from - 16) : ZERO;
  return i8x16.shuffle(
    low,
    high,
    Array.from({ length: 16 }, (_, i) => i + from),
  );
};

/** A shift of the whole register by bytes: `known` when the count is known as the code is built. */
const bytewiseInPlace =
  (known: (a: V128, count: number) => V128, shift: Shift): Semantics =>
  (c) =>
    c.knownImmediate === undefined
      ? inPlace(shift)(c)
      : c.writeV(0, known(c.f.let(c.readV(0)), Math.min(c.knownImmediate & 0xff, 16)));

/** mnemonic, opcode and extension, operation; the last two only for XMM. */
const table: readonly (readonly [string, string, Shift])[] = [
  ['PSRLW', '71 /2', logical(i16x8.shr_u, 16)],
  ['PSRAW', '71 /4', arithmetic(i16x8.shr_s, 16)],
  ['PSLLW', '71 /6', logical(i16x8.shl, 16)],
  ['PSRLD', '72 /2', logical(i32x4.shr_u, 32)],
  ['PSRAD', '72 /4', arithmetic(i32x4.shr_s, 32)],
  ['PSLLD', '72 /6', logical(i32x4.shl, 32)],
  ['PSRLQ', '73 /2', logical(i64x2.shr_u, 64)],
  ['PSLLQ', '73 /6', logical(i64x2.shl, 64)],
];

const bytewise: readonly (readonly [string, string, Semantics])[] = [
  ['PSRLDQ', '73 /3', bytewiseInPlace((a, n) => window(a, ZERO, n), shiftBytesRight)],
  ['PSLLDQ', '73 /7', bytewiseInPlace((a, n) => window(ZERO, a, 16 - n), shiftBytesLeft)],
];

export const immediateShifts: readonly Instruction[] = [
  ...[
    ...table.map(([mnemonic, opcode, shift]) => [mnemonic, opcode, inPlace(shift)] as const),
    ...bytewise,
  ].map(
    ([mnemonic, opcode, semantics]): Instruction => ({
      mnemonic,
      encoding: `66 0F ${opcode}`,
      operands: 'Ux,Ib',
      attributes: 'sse modify',
      feature: 'sse2',
      semantics,
    }),
  ),
  {
    mnemonic: 'PALIGNR',
    encoding: '66 0F 3A 0F',
    operands: 'Vx,Wx,Ib',
    attributes: 'sse align modify',
    feature: 'ssse3',
    semantics: packedPattern((high, low, n) => window(low, high, n), alignRight),
  },
];

export const mmxImmediateShifts: readonly Instruction[] = table.map(([mnemonic, opcode, shift]) => ({
  mnemonic,
  encoding: `NP 0F ${opcode}`,
  operands: 'Nq,Ib',
  attributes: 'mmx modify',
  feature: 'mmx',
  semantics: inPlace(shift),
}));
