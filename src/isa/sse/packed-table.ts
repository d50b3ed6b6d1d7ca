/**
 * Packed-integer instructions that exist for MMX registers (no prefix) and for XMM registers (prefix
 * 66h) under one opcode: SDM volume 2, "MMX Technology" and "SSE2/SSSE3 128-bit packed integer".
 *
 * `mmx` is the CPUID feature of the MMX form; the XMM form is SSE2, or SSSE3 when the MMX form is.
 * Most operations work lane by lane, so that the low half of the 128-bit operation is the MMX one;
 * `narrow` says how the others do it.
 */
import { i8x16, i16x8, i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import {
  applySign,
  evenDwords,
  horizontalDwords,
  horizontalWords,
  join,
  multiplyAddBytes,
  multiplyHigh,
  multiplyHighRounded,
  shiftArithmetic,
  shiftLogical,
  shuffleQwords,
  sumOfAbsoluteDifferences,
  unpack,
} from './operations.ts';
import type { PackedBinary } from './rows.ts';

export interface PackedInstruction {
  readonly mnemonic: string;
  readonly opcode: string;
  readonly operation: PackedBinary;
  readonly mmx: 'mmx' | 'sse' | 'sse2' | 'ssse3';
  readonly narrow?: PackedBinary;
}

type Entry = readonly [string, string, PackedBinary, PackedBinary?];

const entries = (mmx: PackedInstruction['mmx'], table: readonly Entry[]): PackedInstruction[] =>
  table.map(([mnemonic, opcode, operation, narrow]) => ({
    mnemonic,
    opcode,
    operation,
    mmx,
    ...(narrow && { narrow }),
  }));

/** Packing and horizontal operations on the MMX operands side by side: the low half is the answer. */
const joined =
  (operation: PackedBinary): PackedBinary =>
  (a, b, f) => {
    const both = f.let(join(a, b, f));
    return operation(both, both, f);
  };

/** Unpacking the high halves of MMX operands: the high half of what unpacking the low halves gives. */
const unpackHigh =
  (size: number): PackedBinary =>
  (a, b, f) => {
    const all = unpack(size, 0)(a, b, f);
    return shuffleQwords(all, all, [1, 1]);
  };

const addPairs = horizontalWords(i16x8.add);
const addPairsSaturated = horizontalWords(i16x8.add_sat_s);
const subPairs = horizontalWords(i16x8.sub);
const subPairsSaturated = horizontalWords(i16x8.sub_sat_s);
const addDwordPairs = horizontalDwords(i32x4.add);
const subDwordPairs = horizontalDwords(i32x4.sub);
const shuffleMask =
  (keep: number): PackedBinary =>
  (a, b) =>
    i8x16.swizzle(a, v128.and(b, i8x16.const(keep)));

export const packedInstructions: readonly PackedInstruction[] = [
  ...entries('mmx', [
    ['PUNPCKLBW', '60', unpack(1, 0)],
    ['PUNPCKLWD', '61', unpack(2, 0)],
    ['PUNPCKLDQ', '62', unpack(4, 0)],
    ['PACKSSWB', '63', i8x16.narrow_i16x8_s, joined(i8x16.narrow_i16x8_s)],
    ['PCMPGTB', '64', i8x16.gt_s],
    ['PCMPGTW', '65', i16x8.gt_s],
    ['PCMPGTD', '66', i32x4.gt_s],
    ['PACKUSWB', '67', i8x16.narrow_i16x8_u, joined(i8x16.narrow_i16x8_u)],
    ['PUNPCKHBW', '68', unpack(1, 1), unpackHigh(1)],
    ['PUNPCKHWD', '69', unpack(2, 1), unpackHigh(2)],
    ['PUNPCKHDQ', '6A', unpack(4, 1), unpackHigh(4)],
    ['PACKSSDW', '6B', i16x8.narrow_i32x4_s, joined(i16x8.narrow_i32x4_s)],
    ['PCMPEQB', '74', i8x16.eq],
    ['PCMPEQW', '75', i16x8.eq],
    ['PCMPEQD', '76', i32x4.eq],
    ['PSRLW', 'D1', shiftLogical(i16x8.shr_u, 16)],
    ['PSRLD', 'D2', shiftLogical(i32x4.shr_u, 32)],
    ['PSRLQ', 'D3', shiftLogical(i64x2.shr_u, 64)],
    ['PMULLW', 'D5', i16x8.mul],
    ['PSUBUSB', 'D8', i8x16.sub_sat_u],
    ['PSUBUSW', 'D9', i16x8.sub_sat_u],
    ['PAND', 'DB', v128.and],
    ['PADDUSB', 'DC', i8x16.add_sat_u],
    ['PADDUSW', 'DD', i16x8.add_sat_u],
    ['PANDN', 'DF', (a, b) => v128.andnot(b, a)],
    ['PSRAW', 'E1', shiftArithmetic(i16x8.shr_s, 16)],
    ['PSRAD', 'E2', shiftArithmetic(i32x4.shr_s, 32)],
    ['PMULHW', 'E5', multiplyHigh(i32x4.extmul_low_i16x8_s, i32x4.extmul_high_i16x8_s)],
    ['PSUBSB', 'E8', i8x16.sub_sat_s],
    ['PSUBSW', 'E9', i16x8.sub_sat_s],
    ['POR', 'EB', v128.or],
    ['PADDSB', 'EC', i8x16.add_sat_s],
    ['PADDSW', 'ED', i16x8.add_sat_s],
    ['PXOR', 'EF', v128.xor],
    ['PSLLW', 'F1', shiftLogical(i16x8.shl, 16)],
    ['PSLLD', 'F2', shiftLogical(i32x4.shl, 32)],
    ['PSLLQ', 'F3', shiftLogical(i64x2.shl, 64)],
    ['PMADDWD', 'F5', i32x4.dot_i16x8_s],
    ['PSUBB', 'F8', i8x16.sub],
    ['PSUBW', 'F9', i16x8.sub],
    ['PSUBD', 'FA', i32x4.sub],
    ['PADDB', 'FC', i8x16.add],
    ['PADDW', 'FD', i16x8.add],
    ['PADDD', 'FE', i32x4.add],
  ]),
  ...entries('sse', [
    ['PMINUB', 'DA', i8x16.min_u],
    ['PMAXUB', 'DE', i8x16.max_u],
    ['PAVGB', 'E0', i8x16.avgr_u],
    ['PAVGW', 'E3', i16x8.avgr_u],
    ['PMULHUW', 'E4', multiplyHigh(i32x4.extmul_low_i16x8_u, i32x4.extmul_high_i16x8_u)],
    ['PMINSW', 'EA', i16x8.min_s],
    ['PMAXSW', 'EE', i16x8.max_s],
    ['PSADBW', 'F6', sumOfAbsoluteDifferences],
  ]),
  ...entries('sse2', [
    ['PADDQ', 'D4', i64x2.add],
    ['PMULUDQ', 'F4', (a, b) => i64x2.extmul_low_i32x4_u(evenDwords(a), evenDwords(b))],
    ['PSUBQ', 'FB', i64x2.sub],
  ]),
  ...entries('ssse3', [
    ['PSHUFB', '38 00', shuffleMask(0x8f), shuffleMask(0x87)],
    ['PHADDW', '38 01', addPairs, joined(addPairs)],
    ['PHADDD', '38 02', addDwordPairs, joined(addDwordPairs)],
    ['PHADDSW', '38 03', addPairsSaturated, joined(addPairsSaturated)],
    ['PMADDUBSW', '38 04', multiplyAddBytes],
    ['PHSUBW', '38 05', subPairs, joined(subPairs)],
    ['PHSUBD', '38 06', subDwordPairs, joined(subDwordPairs)],
    ['PHSUBSW', '38 07', subPairsSaturated, joined(subPairsSaturated)],
    ['PSIGNB', '38 08', applySign(i8x16)],
    ['PSIGNW', '38 09', applySign(i16x8)],
    ['PSIGND', '38 0A', applySign(i32x4)],
    ['PMULHRSW', '38 0B', multiplyHighRounded],
    ['PABSB', '38 1C', (_, b) => i8x16.abs(b)],
    ['PABSW', '38 1D', (_, b) => i16x8.abs(b)],
    ['PABSD', '38 1E', (_, b) => i32x4.abs(b)],
  ]),
];
