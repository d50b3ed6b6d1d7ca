import type { Bench, Stop } from './bench.ts';
import type { RunCommand } from './command.ts';
import { Conversation } from './conversation.ts';
import type { Outcome, RunResult } from './outcome.ts';

/** What a run does to the outside world. */
export interface Surroundings {
  /** Console output, after every slice that had some. */
  write(bytes: Uint8Array): void;
  /** Real time in seconds, from any origin. */
  seconds(): number;
}

/** Cycles between looks at the clock: some hundredths of a second of real time. */
const SLICE = 4_000_000;

/** Runs the guest until it stops, the conversation is over, or a limit is reached. */
export function runBench(
  bench: Bench,
  { script, limit, time }: Pick<RunCommand, 'script' | 'limit' | 'time'>,
  surroundings: Surroundings,
): RunResult {
  const conversation = new Conversation(script);
  const started = surroundings.seconds();
  const elapsed = () => surroundings.seconds() - started;
  const type = (texts: readonly Uint8Array[]) => {
    for (const text of texts) bench.input(text);
  };
  const output: number[] = [];
  bench.onOutput = (bytes) => {
    output.push(...bytes);
    type(conversation.feed(bytes));
    if (conversation.over) bench.interrupt();
  };
  type(conversation.start());

  let outcome: Outcome | undefined;
  while (outcome === undefined) {
    const stop = bench.run(sliceCycles(bench, limit));
    if (output.length > 0) surroundings.write(Uint8Array.from(output.splice(0)));
    outcome = conversation.over ? { kind: 'conversation-over' } : (guestStopped(stop) ?? limitReached());
  }
  const counters = bench.counters();
  return {
    outcome,
    ...counters,
    seconds: elapsed(),
    simulatedSeconds: counters.cycles / bench.hz,
    untilMet: conversation.met,
  };

  function limitReached(): Outcome | undefined {
    if (limit !== undefined && bench.counters().instructions >= limit) return { kind: 'limit' };
    if (time !== undefined && elapsed() >= time) return { kind: 'time' };
    return undefined;
  }
}

function guestStopped(stop: Stop): Outcome | undefined {
  return stop.kind === 'budget' ? undefined : stop;
}

/** An instruction takes a cycle or more, so as many cycles as instructions are left cannot go past the limit. */
function sliceCycles(bench: Bench, limit: number | undefined): number {
  if (limit === undefined) return SLICE;
  const left = (limit - bench.counters().instructions) / bench.cpus;
  return Math.max(1, Math.min(SLICE, Math.floor(left)));
}
