/** All instruction definitions: the opcode map of the simulated processor. */
import type { Instruction } from './definition.ts';
import { integerInstructions } from './integer/index.ts';
import { OpcodeMap } from './opcode-map.ts';

export const instructions: readonly Instruction[] = [...integerInstructions];

export const opcodeMap = new OpcodeMap(instructions);
