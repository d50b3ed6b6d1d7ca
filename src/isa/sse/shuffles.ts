/**
 * Shuffles, blends, insertions and extractions by an immediate. The immediate is data of the decoded
 * instruction, so byte patterns are computed from it (`operations.ts`) and applied by a swizzle.
 */
import { type I32, type I64, i32, i64, type V128 } from '../../wasm/expression.ts';
import { i8x16, i16x8, i32x4, i64x2, v128 } from '../../wasm/simd.ts';
import type { Instruction, Semantics } from '../definition.ts';
import {
  dwordPattern,
  IOTA,
  laneMask,
  shuffleDwords,
  shuffleQwords,
  shuffleWords,
  unpack,
  wordPattern,
} from './operations.ts';
import { immediateByte, type PackedImmediate, packedBinary, packedPattern, type Row, rows } from './rows.ts';

/** Fields of `bits` bits of an immediate. */
const fields = (immediate: number, bits: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (immediate >> (i * bits)) & ((1 << bits) - 1));

/** The known immediate has a bit for each of `count` lanes, which are 16 / count bytes wide. */
const blend = (count: number, lanes: (immediate: I32) => V128): Semantics =>
  packedPattern(
    (a, b, n) =>
      i8x16.shuffle(
        a,
        b,
        Array.from({ length: 16 }, (_, i) => i + 16 * ((n >> Math.floor((i * count) / 16)) & 1)),
      ),
    (a, b, immediate) => v128.bitselect(b, a, lanes(immediate)),
  );

/** Four fields of two bits choose 32-bit lanes: the first two of `a`, the others of `b`. */
const chosenDwords = (a: V128, b: V128, n: number): V128 => {
  const [w, x, y, z] = fields(n, 2, 4);
  return shuffleDwords(a, b, [w, x, y + 4, z + 4]);
};

/** The low or high four words of `a` by four fields of two bits; the others stay. */
const chosenWords = (a: V128, n: number, high: boolean): V128 => {
  const base = high ? 4 : 0;
  const chosen = fields(n, 2, 4).map((lane) => base + lane);
  const kept = [0, 1, 2, 3].map((lane) => lane + 4 - base);
  return shuffleWords(a, a, high ? [...kept, ...chosen] : [...chosen, ...kept]);
};

/** PBLENDVB and its kin: the implicit mask is the sign bits of the lanes of XMM0. */
const blendVariable =
  (shift: (a: V128, n: I32) => V128, width: number): Semantics =>
  (c) => {
    const mask = shift(c.xmm(0), i32.const(width - 1));
    const source = c.f.let(c.readV(1));
    c.writeV(0, v128.bitselect(source, c.readV(0), mask));
  };

const shuffleSingles: PackedImmediate = (a, b, immediate, f) => {
  const pattern = f.let(dwordPattern(immediate));
  return shuffleQwords(i8x16.swizzle(a, pattern), i8x16.swizzle(b, pattern), [0, 3]);
};

/** Byte pattern of two 64-bit lanes chosen by bits 0 and 1 of `immediate`. */
const shuffleDoubles: PackedImmediate = (a, b, immediate) => {
  const lane = (bit: number): V128 =>
    i8x16.splat(i32.and(i32.shl(immediate, i32.const(3 - bit)), i32.const(8)));
  return shuffleQwords(
    i8x16.swizzle(a, i8x16.add(IOTA, lane(0))),
    i8x16.swizzle(b, i8x16.add(IOTA, lane(1))),
    [0, 2],
  );
};

/** Replaces the lane of `a` that `lane` names (0-based) by the same lane of `value`. */
const replaceLane = (
  a: V128,
  value: V128,
  lane: I32,
  shape: { eq(a: V128, b: V128): V128; splat(n: I32): V128 },
  lanes: V128,
): V128 => v128.bitselect(value, a, shape.eq(shape.splat(lane), lanes));

const and = (a: I32, mask: number): I32 => i32.and(a, i32.const(mask));

/** PINSRB/W/D/Q: element size in bytes. */
export const insert =
  (size: 1 | 2 | 4 | 8): Semantics =>
  (c) => {
    const value = c.f.let(c.readU(1));
    const destination = c.readV(0);
    const last = (c.width(0) === 64 ? 8 : 16) / size - 1;
    const narrow = i32.wrap_i64(value);
    if (c.knownImmediate !== undefined) {
      const known = c.knownImmediate & last;
      return c.writeV(
        0,
        size === 8
          ? i64x2.replace_lane(destination, known, value)
          : { 1: i8x16, 2: i16x8, 4: i32x4 }[size].replace_lane(destination, known, narrow),
      );
    }
    const lane = and(immediateByte(c), last);
    const lanes = [0, 1, 2, 3, 4, 5, 6, 7];
    switch (size) {
      case 1:
        return c.writeV(0, replaceLane(destination, i8x16.splat(narrow), lane, i8x16, IOTA));
      case 2:
        return c.writeV(0, replaceLane(destination, i16x8.splat(narrow), lane, i16x8, i16x8.const(...lanes)));
      case 4:
        return c.writeV(0, replaceLane(destination, i32x4.splat(narrow), lane, i32x4, i32x4.const(...lanes)));
      case 8: {
        const qwords = { eq: i64x2.eq, splat: (n: I32) => i64x2.splat(i64.extend_i32_u(n)) };
        return c.writeV(0, replaceLane(destination, i64x2.splat(value), lane, qwords, i64x2.const(0n, 1n)));
      }
    }
  };

/** Zero-extended. */
function knownElement(v: V128, size: 1 | 2 | 4 | 8, lane: number): I64 {
  switch (size) {
    case 1:
      return i64.extend_i32_u(i8x16.extract_lane_u(v, lane));
    case 2:
      return i64.extend_i32_u(i16x8.extract_lane_u(v, lane));
    case 4:
      return i64.extend_i32_u(i32x4.extract_lane(v, lane));
    case 8:
      return i64x2.extract_lane(v, lane);
  }
}

/** PEXTRB/W/D/Q: the element moved to the bottom, zero-extended. */
export const extract =
  (size: 1 | 2 | 4 | 8): Semantics =>
  (c) => {
    const last = (c.width(1) === 64 ? 8 : 16) / size - 1;
    if (c.knownImmediate !== undefined) {
      return c.write(0, knownElement(c.readV(1), size, c.knownImmediate & last));
    }
    const lane = and(immediateByte(c), last);
    const shift = i32.mul(lane, i32.const(size));
    const element = i8x16.swizzle(c.readV(1), i8x16.add(IOTA, i8x16.splat(shift)));
    const value = i64x2.extract_lane(element, 0);
    c.write(0, size === 8 ? value : i64.and(value, i64.const((1n << BigInt(size * 8)) - 1n)));
  };

/** PINSRD/Q and PEXTRD/Q by the operand size. */
const insertSized: Semantics = (c) => insert(c.width(1) === 64 ? 8 : 4)(c);
const extractSized: Semantics = (c) => extract(c.width(0) === 64 ? 8 : 4)(c);

/** INSERTPS: bits 7:6 choose the source lane (a register's), 5:4 the destination's, 3:0 lanes to clear. */
const insertSingle: Semantics = (c) => {
  const source = c.f.let(c.readV(1));
  const immediate = immediateByte(c);
  const from = c.isMemory(1) ? i32.const(0) : i32.shr_u(immediate, i32.const(6));
  const pattern = i32.add(i32.mul(from, i32.const(0x0404_0404)), i32.const(0x0302_0100));
  const value = i8x16.swizzle(source, i32x4.splat(pattern));
  const lane = and(i32.shr_u(immediate, i32.const(4)), 3);
  const inserted = replaceLane(c.readV(0), value, lane, i32x4, i32x4.const(0, 1, 2, 3));
  c.writeV(0, v128.andnot(inserted, laneMask.dwords(immediate)));
};

const sse: readonly Row[] = [
  ['UNPCKLPS', 'NP 0F 14', packedBinary(unpack(4, 0))],
  ['UNPCKHPS', 'NP 0F 15', packedBinary(unpack(4, 1))],
  ['SHUFPS', 'NP 0F C6', packedPattern(chosenDwords, shuffleSingles), { operands: 'Vps,Wps,Ib' }],
];

const overwriting = { operands: 'Vx,Wx,Ib', attributes: 'sse align write' };
const pinsrw = { operands: 'Vdq,Ew,Ib', attributes: 'sse modify' };

const sse2: readonly Row[] = [
  ['UNPCKLPD', '66 0F 14', packedBinary(unpack(8, 0))],
  ['UNPCKHPD', '66 0F 15', packedBinary(unpack(8, 1))],
  [
    'SHUFPD',
    '66 0F C6',
    packedPattern((a, b, n) => shuffleQwords(a, b, [n & 1, ((n >> 1) & 1) + 2]), shuffleDoubles),
    { operands: 'Vpd,Wpd,Ib' },
  ],
  [
    'PSHUFD',
    '66 0F 70',
    packedPattern(
      (_, b, n) => chosenDwords(b, b, n),
      (_, b, n) => i8x16.swizzle(b, dwordPattern(n)),
    ),
    overwriting,
  ],
  [
    'PSHUFHW',
    'F3 0F 70',
    packedPattern(
      (_, b, n) => chosenWords(b, n, true),
      (_, b, n) => i8x16.swizzle(b, wordPattern(n, true)),
    ),
    overwriting,
  ],
  [
    'PSHUFLW',
    'F2 0F 70',
    packedPattern(
      (_, b, n) => chosenWords(b, n, false),
      (_, b, n) => i8x16.swizzle(b, wordPattern(n, false)),
    ),
    overwriting,
  ],
  ['PINSRW', '66 0F C4', insert(2), pinsrw],
  ['PEXTRW', '66 0F C5', extract(2), { operands: 'Gd,Udq,Ib', attributes: 'sse write' }],
];

const inserting = (operands: string) => ({ operands, attributes: 'sse modify' });
const extracting = (operands: string) => ({ operands, attributes: 'sse write' });

const sse41: readonly Row[] = [
  ['PBLENDVB', '66 0F 38 10', blendVariable(i8x16.shr_s, 8)],
  ['BLENDVPS', '66 0F 38 14', blendVariable(i32x4.shr_s, 32)],
  ['BLENDVPD', '66 0F 38 15', blendVariable(i64x2.shr_s, 64)],
  ['BLENDPS', '66 0F 3A 0C', blend(4, laneMask.dwords), { operands: 'Vps,Wps,Ib' }],
  ['BLENDPD', '66 0F 3A 0D', blend(2, laneMask.qwords), { operands: 'Vpd,Wpd,Ib' }],
  ['PBLENDW', '66 0F 3A 0E', blend(8, laneMask.words), { operands: 'Vx,Wx,Ib' }],
  ['PEXTRB', '66 0F 3A 14', extract(1), extracting('Rd,Vdq,Ib')],
  ['PEXTRB', '66 0F 3A 14', extract(1), extracting('Mb,Vdq,Ib')],
  ['PEXTRW', '66 0F 3A 15', extract(2), extracting('Rd,Vdq,Ib')],
  ['PEXTRW', '66 0F 3A 15', extract(2), extracting('Mw,Vdq,Ib')],
  ['PEXTRD', '66 0F 3A 16', extractSized, extracting('Ey,Vdq,Ib')],
  ['EXTRACTPS', '66 0F 3A 17', extract(4), extracting('Ed,Vdq,Ib')],
  ['PINSRB', '66 0F 3A 20', insert(1), inserting('Vdq,Rd,Ib')],
  ['PINSRB', '66 0F 3A 20', insert(1), inserting('Vdq,Mb,Ib')],
  ['INSERTPS', '66 0F 3A 21', insertSingle, inserting('Vdq,Wd,Ib')],
  ['PINSRD', '66 0F 3A 22', insertSized, inserting('Vdq,Ey,Ib')],
];

/** PMOVSX and PMOVZX: opcode's low digit, name, width of the source, steps of doubling for sign and zero extension. */
type Extend = (a: V128) => V128;
const chain =
  (...steps: Extend[]): Semantics =>
  (c) =>
    c.writeV(
      0,
      steps.reduce((value, step) => step(value), c.readV(1)),
    );

const byteToWord = [i16x8.extend_low_i8x16_s, i16x8.extend_low_i8x16_u];
const wordToDword = [i32x4.extend_low_i16x8_s, i32x4.extend_low_i16x8_u];
const dwordToQword = [i64x2.extend_low_i32x4_s, i64x2.extend_low_i32x4_u];

const extensions: readonly (readonly [string, number, string, Extend[][]])[] = [
  ['BW', 0, 'q', [byteToWord]],
  ['BD', 1, 'd', [byteToWord, wordToDword]],
  ['BQ', 2, 'w', [byteToWord, wordToDword, dwordToQword]],
  ['WD', 3, 'q', [wordToDword]],
  ['WQ', 4, 'd', [wordToDword, dwordToQword]],
  ['DQ', 5, 'q', [dwordToQword]],
];

const extending = extensions.flatMap(([name, digit, width, steps]): Row[] =>
  ['S', 'Z'].map((kind, zero) => [
    `PMOV${kind}X${name}`,
    `66 0F 38 ${2 + zero}${digit}`,
    chain(...steps.map((step) => step[zero])),
    { operands: `Vx,W${width}`, attributes: 'sse write' },
  ]),
);

const aligned = { operands: 'Vx,Wx', attributes: 'sse align modify' };

export const shuffles: readonly Instruction[] = [
  ...rows({ feature: 'sse', ...aligned }, sse),
  ...rows({ feature: 'sse2', ...aligned }, sse2),
  ...rows({ feature: 'sse4_1', ...aligned }, sse41),
  ...rows({ feature: 'sse4_1', ...aligned }, extending),
];
