/**
 * MMX technology, and the forms on MMX registers that SSE, SSE2 and SSSE3 added (SDM volume 1,
 * "Programming with Intel MMX Technology"). Conversions to and from floating point stand with SSE.
 */
import { i32, i64 } from '../../wasm/expression.ts';
import { i8x16, i64x2, low } from '../../wasm/simd.ts';
import type { Instruction, Semantics } from '../definition.ts';
import { maskedMove } from '../sse/moves.ts';
import { atMost, IOTA, join, wordPattern } from '../sse/operations.ts';
import { packedInstructions } from '../sse/packed-table.ts';
import { enteringMmx, immediateByte, packedBinary, type Row, rows } from '../sse/rows.ts';
import { mmxImmediateShifts } from '../sse/shifts.ts';
import { extract, insert } from '../sse/shuffles.ts';
import { STATE } from '../state.ts';

const copy: Semantics = (c) => c.writeV(0, c.readV(1));

/** PALIGNR: the destination above the source, shifted right by bytes, the low 64 bits kept. */
const alignRight: Semantics = (c) => {
  const both = join(c.readV(1), c.readV(0), c.f);
  const count = atMost(immediateByte(c), 16);
  c.writeV(0, i8x16.swizzle(both, i8x16.add(IOTA, i8x16.splat(count))));
};

/** EMMS: all tags empty, TOP 0. */
const empty: Semantics = (c) => {
  c.f.store('i32', c.field(STATE.FTOP), i32.const(0));
  c.f.store('i32', c.field(STATE.FTAG), i32.const(0));
};

const mmx: readonly Row[] = [
  [
    'MOVD',
    'NP 0F 6E',
    (c) => c.writeV(0, low.i64(c.readU(1))),
    { operands: 'Pq,Ey', attributes: 'mmx write' },
  ],
  ['MOVQ', 'NP 0F 6F', copy, { attributes: 'mmx write' }],
  [
    'MOVD',
    'NP 0F 7E',
    (c) => c.write(0, i64x2.extract_lane(c.readV(1), 0)),
    { operands: 'Ey,Pq', attributes: 'mmx write' },
  ],
  ['MOVQ', 'NP 0F 7F', copy, { operands: 'Qq,Pq', attributes: 'mmx write' }],
];

const sse: readonly Row[] = [
  [
    'PSHUFW',
    'NP 0F 70',
    (c) => c.writeV(0, i8x16.swizzle(c.readV(1), wordPattern(immediateByte(c), false))),
    { operands: 'Pq,Qq,Ib', attributes: 'mmx write' },
  ],
  ['PINSRW', 'NP 0F C4', insert(2), { operands: 'Pq,Ew,Ib' }],
  ['PEXTRW', 'NP 0F C5', extract(2), { operands: 'Gd,Nq,Ib', attributes: 'mmx write' }],
  [
    'PMOVMSKB',
    'NP 0F D7',
    (c) => c.write(0, i64.extend_i32_u(i32.and(i8x16.bitmask(c.readV(1)), i32.const(0xff)))),
    { operands: 'Gd,Nq', attributes: 'mmx write' },
  ],
  ['MOVNTQ', 'NP 0F E7', copy, { operands: 'Mq,Pq', attributes: 'mmx write' }],
  ['MASKMOVQ', 'NP 0F F7', (c) => maskedMove(c, 8), { operands: 'Pq,Nq', attributes: 'mmx implicit' }],
];

/** Between the two register files: both sets of checks apply. */
const crossing: readonly Row[] = [
  ['MOVDQ2Q', 'F2 0F D6', copy, { operands: 'Pq,Uq', attributes: 'sse-mmx write' }],
  ['MOVQ2DQ', 'F3 0F D6', copy, { operands: 'Vdq,Nq', attributes: 'sse-mmx write' }],
];

const common = { operands: 'Pq,Qq', attributes: 'mmx modify' };

const instructions: readonly Instruction[] = [
  ...packedInstructions.map(
    (p): Instruction => ({
      mnemonic: p.mnemonic,
      encoding: `NP 0F ${p.opcode}`,
      // Unpacking the low halves reads no more than 32 bits of memory.
      operands: p.mnemonic.startsWith('PUNPCKL') ? 'Pq,Qd' : 'Pq,Qq',
      attributes: 'mmx modify',
      feature: p.mmx,
      semantics: packedBinary(p.narrow ?? p.operation),
    }),
  ),
  ...mmxImmediateShifts,
  ...rows({ feature: 'mmx', ...common }, mmx),
  ...rows({ feature: 'sse', ...common }, sse),
  ...rows({ feature: 'sse2', ...common }, crossing),
  ...rows({ feature: 'ssse3', ...common }, [
    ['PALIGNR', 'NP 0F 3A 0F', alignRight, { operands: 'Pq,Qq,Ib' }],
  ]),
];

export const mmxInstructions: readonly Instruction[] = [
  ...instructions.map((row) =>
    typeof row.semantics === 'function' ? { ...row, semantics: enteringMmx(row.semantics) } : row,
  ),
  { mnemonic: 'EMMS', encoding: 'NP 0F 77', attributes: 'mmx', feature: 'mmx', semantics: empty },
];
