import { SEG } from '../../arch/registers.ts';
import type { Processor } from '../../cpu/processor.ts';
import { STATE } from '../../cpu/state.ts';
import { unsigned64 } from '../views/numbers.ts';

const RSP = STATE.GPR + 4 * 8;

/** Linear address of the top of a processor's stack, unsigned. */
export function stackTop({ regs }: Processor): bigint {
  return unsigned64(regs.address(STATE.EFFECTIVE_BASE + 8 * SEG.SS) + regs.address(RSP));
}
