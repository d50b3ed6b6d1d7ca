/** What it costs to keep the past of a computer, and how long it takes to go there. */
import { inChild } from './child.ts';

/** Milliseconds of real time. */
export interface Latencies {
  readonly median: number;
  readonly worst: number;
}

/** What a process says that ran Linux: see travel.ts. */
export interface Travel {
  /** Processor time of the run. */
  readonly seconds: number;
  readonly snapshots: number;
  readonly bytes: number;
  readonly latencies?: Latencies;
}

const GIGA = 1e9;

/** Instructions after which it is gone back: for single steps, and for jumps. */
const RUNS = { quick: { step: GIGA, jump: 2 * GIGA }, full: { step: GIGA, jump: 10 * GIGA } };
/** Runs with a history and without, in turns; the best of each count. */
const ROUNDS = { quick: 1, full: 3 };

export interface TravelResult {
  /** Processor time with a history as a multiple of that without. */
  readonly cost: number;
  readonly rows: readonly string[][];
}

export async function measureTravel(quick: boolean): Promise<TravelResult> {
  const { step, jump } = quick ? RUNS.quick : RUNS.full;
  const run = (mode: string, instructions: number) => inChild<Travel>('travel', [mode, `${instructions}`]);
  let [plain, history] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < (quick ? ROUNDS.quick : ROUNDS.full); round++) {
    plain = Math.min(plain, (await run('plain', step)).seconds);
    history = Math.min(history, (await run('history', step)).seconds);
  }
  const row = (what: string, { snapshots, bytes, latencies }: Travel): string[] => [
    what,
    `${snapshots}`,
    (bytes / 2 ** 20).toFixed(0),
    latencies?.median.toFixed(0) ?? '',
    latencies?.worst.toFixed(0) ?? '',
  ];
  return {
    cost: history / plain,
    rows: [
      row(`one step back, anywhere in ${step / GIGA} G instructions`, await run('back', step)),
      row(`a jump to any instant of ${jump / GIGA} G instructions`, await run('jump', jump)),
    ],
  };
}
