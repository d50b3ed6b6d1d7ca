/**
 * Moves between XMM registers, memory and general registers: SDM volume 2, MOVxxx, LDDQU, MASKMOVDQU.
 * A scalar load from memory clears the rest of the register; from a register it merges.
 */
import { i32, i64, type V128 } from '../../wasm/expression.ts';
import { i8x16, i32x4, i64x2, low, v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { shuffleDwords, shuffleQwords, ZERO } from './operations.ts';
import { type Row, rows } from './rows.ts';

const copy: Semantics = (c) => c.writeV(0, c.readV(1));

/** Puts 64-bit lane `from` of `source` into lane `to` of `destination`. */
const mergeQword = (destination: V128, to: number, source: V128, from: number): V128 =>
  shuffleQwords(destination, source, to === 0 ? [2 + from, 1] : [0, 2 + from]);

/** MOVSS, MOVSD to a register: `merge` puts the low lane of a source register in. */
const scalar =
  (merge: (destination: V128, source: V128) => V128): Semantics =>
  (c) =>
    c.isMemory(1) ? copy(c) : c.writeV(0, merge(c.readV(0), c.readV(1)));

const moveSingle = scalar((a, b) => shuffleDwords(a, b, [4, 1, 2, 3]));
const moveDouble = scalar((a, b) => mergeQword(a, 0, b, 0));

/** Loads a half of the register: `half` 0 is the low one. The source's half is `from`. */
const loadHalf =
  (half: number, from = 0): Semantics =>
  (c) => {
    const source = c.readV(1);
    c.writeV(0, mergeQword(c.readV(0), half, source, from));
  };

const storeHigh: Semantics = (c) => {
  const source = c.f.let(c.readV(1));
  c.writeV(0, shuffleQwords(source, source, [1, 1]));
};

/** The low 64 bits, zero-extended; to memory only those are stored. */
const lowQword: Semantics = (c) => c.writeV(0, shuffleQwords(c.readV(1), ZERO, [0, 2]));

const fromGeneral: Semantics = (c) => c.writeV(0, low.i64(c.readU(1)));
const toGeneral: Semantics = (c) => c.write(0, i64x2.extract_lane(c.readV(1), 0));

const duplicate =
  (shuffle: (source: V128) => V128): Semantics =>
  (c) =>
    c.writeV(0, shuffle(c.f.let(c.readV(1))));

/** DS:[rDI], or another segment by prefix: bytes of the source whose mask byte has its top bit set. */
export function maskedMove(c: Context, bytes: number): void {
  const source = c.f.let(c.readV(0));
  const mask = c.f.let(i8x16.shr_s(c.readV(1), i32.const(7)));
  const used = bytes === 16 ? v128.any_true(mask) : i64.ne(i64x2.extract_lane(mask, 0), i64.const(0));
  c.f.if(used, () => {
    const address = c.f.let(c.addressSized(7));
    const load = bytes === 16 ? v128.load : v128.load64_zero;
    const before = c.f.let(load(c.hostReadAt(address, bytes)));
    const host = c.f.let(c.hostWriteAt(address, bytes));
    const merged = v128.bitselect(source, before, mask);
    if (bytes === 16) c.f.store('v128', host, merged);
    else c.f.store('i64', host, i64x2.extract_lane(merged, 0));
    c.commit(host);
  });
}

const store = { operands: 'Wx,Vx', attributes: 'sse write' };
const alignedStore = { operands: 'Wx,Vx', attributes: 'sse align write' };
const streamed = { operands: 'Mx,Vx', attributes: 'sse align write' };
const unaligned = { attributes: 'sse write' };
const merging = { attributes: 'sse modify' };

const sse: readonly Row[] = [
  ['MOVUPS', 'NP 0F 10', copy, unaligned],
  ['MOVUPS', 'NP 0F 11', copy, store],
  ['MOVSS', 'F3 0F 10', moveSingle, { operands: 'Vss,Wss', ...merging }],
  ['MOVSS', 'F3 0F 11', moveSingle, { operands: 'Uss,Vss', ...merging }],
  ['MOVSS', 'F3 0F 11', copy, { operands: 'Mss,Vss', ...unaligned }],
  ['MOVLPS', 'NP 0F 12', loadHalf(0), { operands: 'Vq,Mq', ...merging }],
  ['MOVHLPS', 'NP 0F 12', loadHalf(0, 1), { operands: 'Vq,Uq', ...merging }],
  ['MOVLPS', 'NP 0F 13', copy, { operands: 'Mq,Vq', ...unaligned }],
  ['MOVHPS', 'NP 0F 16', loadHalf(1), { operands: 'Vdq,Mq', ...merging }],
  ['MOVLHPS', 'NP 0F 16', loadHalf(1), { operands: 'Vdq,Uq', ...merging }],
  ['MOVHPS', 'NP 0F 17', storeHigh, { operands: 'Mq,Vdq', ...unaligned }],
  ['MOVAPS', 'NP 0F 28', copy],
  ['MOVAPS', 'NP 0F 29', copy, alignedStore],
  ['MOVNTPS', 'NP 0F 2B', copy, streamed],
];

const sse2: readonly Row[] = [
  ['MOVUPD', '66 0F 10', copy, unaligned],
  ['MOVUPD', '66 0F 11', copy, store],
  ['MOVSD', 'F2 0F 10', moveDouble, { operands: 'Vsd,Wsd', ...merging }],
  ['MOVSD', 'F2 0F 11', moveDouble, { operands: 'Usd,Vsd', ...merging }],
  ['MOVSD', 'F2 0F 11', copy, { operands: 'Msd,Vsd', ...unaligned }],
  ['MOVLPD', '66 0F 12', loadHalf(0), { operands: 'Vq,Mq', ...merging }],
  ['MOVLPD', '66 0F 13', copy, { operands: 'Mq,Vq', ...unaligned }],
  ['MOVHPD', '66 0F 16', loadHalf(1), { operands: 'Vdq,Mq', ...merging }],
  ['MOVHPD', '66 0F 17', storeHigh, { operands: 'Mq,Vdq', ...unaligned }],
  ['MOVAPD', '66 0F 28', copy],
  ['MOVAPD', '66 0F 29', copy, alignedStore],
  ['MOVNTPD', '66 0F 2B', copy, streamed],
  ['MOVD', '66 0F 6E', fromGeneral, { operands: 'Vdq,Ey', ...unaligned }],
  ['MOVDQA', '66 0F 6F', copy],
  ['MOVDQU', 'F3 0F 6F', copy, unaligned],
  ['MOVQ', 'F3 0F 7E', lowQword, { operands: 'Vdq,Wq', ...unaligned }],
  ['MOVD', '66 0F 7E', toGeneral, { operands: 'Ey,Vdq', ...unaligned }],
  ['MOVDQA', '66 0F 7F', copy, alignedStore],
  ['MOVDQU', 'F3 0F 7F', copy, store],
  ['MOVQ', '66 0F D6', lowQword, { operands: 'Wq,Vdq', ...unaligned }],
  ['MOVNTDQ', '66 0F E7', copy, streamed],
  ['MASKMOVDQU', '66 0F F7', (c) => maskedMove(c, 16), { operands: 'Vdq,Udq', attributes: 'sse implicit' }],
];

const sse3: readonly Row[] = [
  ['MOVSLDUP', 'F3 0F 12', duplicate((a) => shuffleDwords(a, a, [0, 0, 2, 2]))],
  ['MOVSHDUP', 'F3 0F 16', duplicate((a) => shuffleDwords(a, a, [1, 1, 3, 3]))],
  [
    'MOVDDUP',
    'F2 0F 12',
    duplicate((a) => shuffleQwords(a, a, [0, 0])),
    { operands: 'Vdq,Wq', ...unaligned },
  ],
  ['LDDQU', 'F2 0F F0', copy, { operands: 'Vx,Mx', ...unaligned }],
];

const aligned = { operands: 'Vx,Wx', attributes: 'sse align write' };

/** Sign bits of the lanes, in a general register. */
const mask =
  (bits: (source: V128) => ReturnType<typeof i8x16.bitmask>): Semantics =>
  (c) =>
    c.write(0, i64.extend_i32_u(bits(c.readV(1))));

const toMask = { operands: 'Gd,Ux', attributes: 'sse write' };

export const moves: readonly Instruction[] = [
  ...rows({ feature: 'sse', ...aligned }, sse),
  ...rows({ feature: 'sse2', ...aligned }, sse2),
  ...rows({ feature: 'sse3', ...aligned }, sse3),
  ...rows({ feature: 'sse4_1', ...aligned }, [['MOVNTDQA', '66 0F 38 2A', copy, { operands: 'Vx,Mx' }]]),
  ...rows({ feature: 'sse', ...toMask }, [['MOVMSKPS', 'NP 0F 50', mask(i32x4.bitmask)]]),
  ...rows({ feature: 'sse2', ...toMask }, [
    ['MOVMSKPD', '66 0F 50', mask(i64x2.bitmask)],
    ['PMOVMSKB', '66 0F D7', mask(i8x16.bitmask)],
  ]),
];
