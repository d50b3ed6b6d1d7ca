/** Totals at an instant. */
export interface Sample {
  /** Simulated nanoseconds. */
  readonly ns: number;
  /** Executed since power-on: in all, and in compiled code. */
  readonly instructions: number;
  readonly compiled: number;
}

/** What was executed between two samples. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly instructions: number;
  /** Compiled part of them, 0 to 1. */
  readonly share: number;
}

/** Stretches kept: half a minute at four samples a second. */
const KEPT = 120;

/** With the sample at its end. One of an earlier instant than the last begins a new history. */
export function addSample(history: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = history.at(-1);
  if (last === undefined || sample.instructions < last.instructions || sample.ns < last.ns) return [sample];
  if (sample.instructions === last.instructions) return history;
  return [...history.slice(-KEPT), sample];
}

export function stretches(history: readonly Sample[]): Stretch[] {
  return history.slice(1).map(({ ns, instructions, compiled }, i) => {
    const before = history[i] as Sample;
    const executed = instructions - before.instructions;
    return {
      from: before.ns,
      to: ns,
      instructions: executed,
      share: Math.max(0, Math.min(1, (compiled - before.compiled) / executed)),
    };
  });
}
