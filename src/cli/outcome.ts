import type { Counters, Stop } from './bench.ts';
import type { RunCommand } from './command.ts';
import { exitStatus } from './exit-status.ts';

/** Why a run ended: the guest stopped, or the command line wanted no more. */
export type Outcome =
  | Exclude<Stop, { kind: 'budget' }>
  | { readonly kind: 'conversation-over' }
  | { readonly kind: 'limit' }
  | { readonly kind: 'time' };

/** Totals of a run. */
export interface RunResult extends Counters {
  readonly outcome: Outcome;
  /** Real time. */
  readonly seconds: number;
  readonly simulatedSeconds: number;
  /** How many of the `--until` texts have been seen. */
  readonly untilMet: number;
}

/** Content of the `--json` file. */
export interface Report extends RunResult {
  readonly command: 'boot' | 'vm';
  readonly kernel: string;
  readonly protocol: string;
  readonly exitStatus: number;
  readonly untilTotal: number;
}

export function makeReport(command: RunCommand, protocol: string, result: RunResult): Report {
  return {
    command: command.target.kind === 'machine' ? 'boot' : 'vm',
    kernel: command.kernel,
    protocol,
    exitStatus: exitStatus(result.outcome),
    untilTotal: command.script.filter(({ kind }) => kind === 'until').length,
    ...result,
  };
}

/** The outcome in a line for people. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'conversation-over':
      return 'all texts waited for have been seen';
    case 'power-off':
      return 'the guest powered off';
    case 'reset':
      return 'the guest reset the computer';
    case 'debug-exit':
      return `the guest ended the run by the debug exit port, status ${outcome.status}`;
    case 'limit':
      return 'the limit of instructions was reached';
    case 'time':
      return 'the time was over';
    case 'halted':
      return 'all processors have halted and nothing can wake them';
    case 'crash':
      return `the guest crashed: ${outcome.reason}`;
  }
}
