/** The general-purpose instructions whose meaning is data path only. */
import type { Instruction } from '../definition.ts';
import { arithmeticInstructions } from './arithmetic.ts';
import { bitInstructions } from './bits.ts';
import { branchInstructions } from './branch.ts';
import { moveInstructions } from './move.ts';
import { multiplyInstructions } from './multiply.ts';
import { shiftInstructions } from './shift.ts';
import { stackInstructions } from './stack.ts';
import { stringInstructions } from './string.ts';

export const integerInstructions: readonly Instruction[] = [
  ...arithmeticInstructions,
  ...moveInstructions,
  ...shiftInstructions,
  ...multiplyInstructions,
  ...bitInstructions,
  ...stackInstructions,
  ...branchInstructions,
  ...stringInstructions,
];
