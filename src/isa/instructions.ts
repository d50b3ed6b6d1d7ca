/** All instruction definitions: the opcode map of the simulated processor. */
import type { Instruction } from './definition.ts';
import { integerInstructions } from './integer/index.ts';
import { mmxInstructions } from './mmx/index.ts';
import { OpcodeMap } from './opcode-map.ts';
import { sseInstructions } from './sse/index.ts';
import { svmInstructions } from './svm/index.ts';
import { systemInstructions } from './system/index.ts';
import { vmxInstructions } from './vmx/index.ts';
import { x87Instructions } from './x87/index.ts';

export const instructions: readonly Instruction[] = [
  ...integerInstructions,
  ...systemInstructions,
  ...vmxInstructions,
  ...svmInstructions,
  ...mmxInstructions,
  ...sseInstructions,
  ...x87Instructions,
];

export const opcodeMap = new OpcodeMap(instructions);
