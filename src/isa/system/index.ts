/** Instructions whose meaning, or the less usual part of it, is a system operation (src/cpu/system). SDM volume 2. */
import type { Instruction } from '../definition.ts';
import { controlInstructions } from './control.ts';
import { flagInstructions } from './flags.ts';
import { portInstructions } from './port.ts';
import { segmentInstructions } from './segment.ts';
import { transferInstructions } from './transfer.ts';

export const systemInstructions: readonly Instruction[] = [
  ...controlInstructions,
  ...flagInstructions,
  ...portInstructions,
  ...segmentInstructions,
  ...transferInstructions,
];
