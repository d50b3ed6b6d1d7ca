/** SSE2 to SSE4.2 packed-integer arithmetic, logic and comparison on XMM registers (SDM volume 2). */
import { i8x16, i16x8, i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import type { Instruction } from '../definition.ts';
import { evenDwords, unpack } from './operations.ts';
import { packedInstructions } from './packed-table.ts';
import { type PackedBinary, packedBinary } from './rows.ts';

const ALIGNED = 'sse align modify';

const row = (feature: string, mnemonic: string, opcode: string, operation: PackedBinary): Instruction => ({
  mnemonic,
  encoding: `66 0F ${opcode}`,
  operands: 'Vx,Wx',
  attributes: ALIGNED,
  feature,
  semantics: packedBinary(operation),
});

/** Those that MMX registers have no form of. */
const wide: readonly (readonly [string, string, string, PackedBinary])[] = [
  ['sse2', 'PUNPCKLQDQ', '6C', unpack(8, 0)],
  ['sse2', 'PUNPCKHQDQ', '6D', unpack(8, 1)],
  ['sse4_1', 'PMULDQ', '38 28', (a, b) => i64x2.extmul_low_i32x4_s(evenDwords(a), evenDwords(b))],
  ['sse4_1', 'PCMPEQQ', '38 29', i64x2.eq],
  ['sse4_1', 'PACKUSDW', '38 2B', i16x8.narrow_i32x4_u],
  ['sse4_2', 'PCMPGTQ', '38 37', i64x2.gt_s],
  ['sse4_1', 'PMINSB', '38 38', i8x16.min_s],
  ['sse4_1', 'PMINSD', '38 39', i32x4.min_s],
  ['sse4_1', 'PMINUW', '38 3A', i16x8.min_u],
  ['sse4_1', 'PMINUD', '38 3B', i32x4.min_u],
  ['sse4_1', 'PMAXSB', '38 3C', i8x16.max_s],
  ['sse4_1', 'PMAXSD', '38 3D', i32x4.max_s],
  ['sse4_1', 'PMAXUW', '38 3E', i16x8.max_u],
  ['sse4_1', 'PMAXUD', '38 3F', i32x4.max_u],
  ['sse4_1', 'PMULLD', '38 40', i32x4.mul],
];

/** ANDPS and its kin do to the bits what the integer instructions do. */
const bitwise: readonly (readonly [string, string, PackedBinary])[] = [
  ['AND', '54', v128.and],
  ['ANDN', '55', (a, b) => v128.andnot(b, a)],
  ['OR', '56', v128.or],
  ['XOR', '57', v128.xor],
];

export const packedInteger: readonly Instruction[] = [
  ...packedInstructions.map((p) =>
    row(p.mmx === 'ssse3' ? 'ssse3' : 'sse2', p.mnemonic, p.opcode, p.operation),
  ),
  ...wide.map((entry) => row(...entry)),
  ...bitwise.flatMap(([name, opcode, operation]): Instruction[] => [
    {
      mnemonic: `${name}PS`,
      encoding: `NP 0F ${opcode}`,
      operands: 'Vps,Wps',
      attributes: ALIGNED,
      feature: 'sse',
      semantics: packedBinary(operation),
    },
    {
      mnemonic: `${name}PD`,
      encoding: `66 0F ${opcode}`,
      operands: 'Vpd,Wpd',
      attributes: ALIGNED,
      feature: 'sse2',
      semantics: packedBinary(operation),
    },
  ]),
];
