/** Shifts by an immediate: of packed integers (SSE2 and MMX forms), and of whole registers by bytes. */
import type { I32, V128 } from '../../wasm/expression.ts';
import { i32, select } from '../../wasm/expression.ts';
import { i16x8, i32x4, i64x2 } from '../../wasm/simd.ts';
import type { Instruction, Semantics } from '../definition.ts';
import { alignRight, atMost, shiftBytesLeft, shiftBytesRight, ZERO } from './operations.ts';
import { immediateByte, packedImmediate } from './rows.ts';

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

const bytewise: readonly (readonly [string, string, Shift])[] = [
  ['PSRLDQ', '73 /3', shiftBytesRight],
  ['PSLLDQ', '73 /7', shiftBytesLeft],
];

export const immediateShifts: readonly Instruction[] = [
  ...[...table, ...bytewise].map(
    ([mnemonic, opcode, shift]): Instruction => ({
      mnemonic,
      encoding: `66 0F ${opcode}`,
      operands: 'Ux,Ib',
      attributes: 'sse modify',
      feature: 'sse2',
      semantics: inPlace(shift),
    }),
  ),
  {
    mnemonic: 'PALIGNR',
    encoding: '66 0F 3A 0F',
    operands: 'Vx,Wx,Ib',
    attributes: 'sse align modify',
    feature: 'ssse3',
    semantics: packedImmediate(alignRight),
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
