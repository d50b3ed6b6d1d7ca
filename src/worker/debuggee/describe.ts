import { modeOf } from '../views/modes.ts';
import type { ProcessorState } from '../views/processor-state.ts';

/** One line of gdb's list of threads. */
export function describeVcpu(cpu: number, state: ProcessorState, ring: number, halted: boolean): string {
  const level = ring === -1 ? 'VMX root' : `ring ${ring}`;
  return `CPU ${cpu}: ${modeOf(state).name}, ${level}${halted ? ', halted' : ''}`;
}
