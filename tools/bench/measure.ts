import { cpuSeconds } from './cpu-time.ts';
import { CODE } from './kernels.ts';
import type { Program } from './program.ts';
import { openBench, type Setup } from './setups.ts';

export interface Measurement {
  /** In the guest. */
  readonly instructions: number;
  /** Of processor time. */
  readonly seconds: number;
}

const MEMORY = 32 << 20;
/** Cycles of a `run`, as the page has it: a fraction of a second at most. */
const SLICE = 5_000_000;

/** One run of a program from a fresh computer to its end. Throws when it ends in another way than it should. */
export function measureProgram(program: Program, setup: Setup): Measurement {
  const flat = { address: CODE, mode: 'long' } as const;
  const bench = openBench(setup, MEMORY, { kernel: program.image, commandLine: '', flat });
  const start = cpuSeconds();
  let stop = bench.run(SLICE);
  while (stop.kind === 'budget') stop = bench.run(SLICE);
  const seconds = cpuSeconds() - start;
  if (stop.kind !== 'debug-exit') throw new Error(`the program ended by ${JSON.stringify(stop)}`);
  return { instructions: bench.counters().instructions, seconds };
}

/** The measurement with the least time: others were disturbed. */
export function best(measurements: readonly Measurement[]): Measurement {
  return measurements.reduce((a, b) => (b.seconds < a.seconds ? b : a));
}

/** @returns NaN for no values */
export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
