/** Runs many random programs in lockstep and makes reports of those that come apart. */
import type { Tier2Mode } from '../../contracts/tiers.ts';
import { runLockstep } from './lockstep.ts';
import { LockstepMachine } from './lockstep-machine.ts';
import { describeMismatch, initialRegisters } from './lockstep-report.ts';
import { shrink } from './lockstep-shrink.ts';
import type { Program } from './random-program.ts';
import { programOf } from './random-program-generator.ts';

export interface CampaignOptions {
  readonly seed: number;
  /** Numbers of the programs: from first, as many as count, only those with number % of === part. */
  readonly first: number;
  readonly count: number;
  readonly part?: readonly [part: number, of: number];
  /** Compared with the first tier alone. */
  readonly modes: readonly Tier2Mode[];
  /** CPUID features withheld from the others: a planted error, for tests of the comparison itself. */
  readonly withhold?: readonly string[];
  /** Reports after which it ends. */
  readonly most: number;
  /** Called after each program. */
  readonly progress?: (number: number) => void;
}

export interface CampaignResult {
  readonly programs: number;
  readonly instructions: number;
  readonly slices: number;
  readonly reports: readonly string[];
}

export function runCampaign(options: CampaignOptions): CampaignResult {
  const { seed, first, count, part = [0, 1], most } = options;
  let machines = makeMachines(options);
  const total = { programs: 0, instructions: 0, slices: 0 };
  const reports: string[] = [];
  for (let number = first; number < first + count && reports.length < most; number++) {
    if (number % part[1] !== part[0]) continue;
    const program = programOf(seed, number);
    const run = attempt(() => runLockstep(machines, program));
    total.programs++;
    if (typeof run === 'string' || run.mismatch) {
      const title = `seed ${seed}, program ${number}`;
      reports.push(`${title}: ${typeof run === 'string' ? run : investigate(program, options)}`);
      machines = makeMachines(options);
    } else {
      total.instructions += run.instructions;
      total.slices += run.slices;
    }
    options.progress?.(number);
  }
  return { ...total, reports };
}

function makeMachines({ modes, withhold }: CampaignOptions): LockstepMachine[] {
  return [new LockstepMachine('off'), ...modes.map((mode) => new LockstepMachine(mode, withhold))];
}

/** @returns the stack of an exception as text */
function attempt<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    return error instanceof Error ? `exception\n${error.stack}` : String(error);
  }
}

/** Shrinks on machines of its own, so that what other programs left behind plays no part. */
function investigate(program: Program, options: CampaignOptions): string {
  const machines = makeMachines(options);
  const fails = (candidate: Program): boolean => {
    const run = attempt(() => runLockstep(machines, candidate));
    return typeof run !== 'string' && run.mismatch !== undefined;
  };
  if (!fails(program)) {
    return 'differs only after other programs on the same machines; run it with the ones before it';
  }
  const small = shrink(program, fails);
  const fresh = makeMachines(options);
  const { mismatch } = runLockstep(fresh, small);
  if (!mismatch) return `shrunk to a program that fails only after others\n${initialRegisters(small)}`;
  return `${describeMismatch(small, mismatch, fresh)}\n  ${initialRegisters(small)}`;
}
