/** The SSE family, SSE to SSE4.2, with FXSAVE and the instructions on MXCSR. */
import type { Instruction } from '../definition.ts';
import { conversions } from './conversions.ts';
import { dotProducts } from './dot-product.ts';
import { estimates } from './estimates.ts';
import { floatArithmetic } from './float-arithmetic.ts';
import { floatCompare } from './float-compare.ts';
import { floatRound } from './float-round.ts';
import { stateInstructions } from './fxsave.ts';
import { hints } from './hints.ts';
import { moves } from './moves.ts';
import { packedInteger } from './packed-integer.ts';
import { immediateShifts } from './shifts.ts';
import { shuffles } from './shuffles.ts';
import { specialInteger } from './special-integer.ts';
import { stringComparisons } from './strings.ts';

export const sseInstructions: readonly Instruction[] = [
  ...moves,
  ...packedInteger,
  ...immediateShifts,
  ...shuffles,
  ...floatArithmetic,
  ...floatCompare,
  ...conversions,
  ...floatRound,
  ...dotProducts,
  ...estimates,
  ...specialInteger,
  ...stringComparisons,
  ...stateInstructions,
  ...hints,
];
