/** The command line of `npm run bench:peers`. */
import { parseArgs } from 'node:util';
import type { Tier2Mode } from '../../src/contracts/tiers.ts';
import { EMULATORS, type EmulatorName, PLACES, type Place } from './competitors.ts';
import { KERNELS, type KernelName } from './guest.ts';
import { TESTS, type Test } from './tests.ts';

export interface Options {
  readonly tests: readonly Test[];
  readonly emulators: readonly EmulatorName[];
  readonly places: readonly Place[];
  readonly kernel: KernelName;
  readonly tier2: Tier2Mode;
  /** Boots of every competitor. */
  readonly runs: number;
  /** File for the report. */
  readonly write?: string;
}

const KERNEL_NAMES = Object.keys(KERNELS) as KernelName[];

export const HELP = `Usage: npm run bench:peers -- [options]

  --only NAMES        tests, separated by commas (default: all)
  --where PLACES      node, chromium (default: both)
  --emulators NAMES   ${EMULATORS.join(', ')} (default: all that can run the kernel)
  --kernel NAME       ${KERNEL_NAMES.join(', ')} (default: i386); v86 runs that alone
  --runs N            boots of each; the best times count (default: 3)
  --tier2 MODE        of the lab: off, on, forced (default: on)
  --quick             one boot, a quarter of the work
  --write FILE        also writes the report, as Markdown

Tests:
${TESTS.map(({ name, group, about }) => `  ${name.padEnd(16)}${group.padEnd(9)}${about}`).join('\n')}
`;

const TIER2_MODES: readonly Tier2Mode[] = ['off', 'on', 'forced'];

/** What --quick divides the work by. */
const QUICK = 4;

/** The words of a list that all have to be among `known`. Throws an Error that names the one that is not. */
function choose<T extends string>(text: string | undefined, known: readonly T[], option: string): T[] {
  if (text === undefined) return [...known];
  const words = text.split(',');
  const wrong = words.find((word) => !(known as readonly string[]).includes(word));
  if (wrong !== undefined) throw new Error(`${option}: "${wrong}" is not one of ${known.join(', ')}`);
  return known.filter((word) => words.includes(word));
}

/** Undefined: help was asked for. Throws an Error for what makes no sense. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: text,
      where: text,
      emulators: text,
      kernel: { ...text, default: 'i386' },
      tier2: { ...text, default: 'on' },
      runs: text,
      write: text,
      quick: flag,
      help: flag,
    },
  });
  if (values.help) return undefined;
  const [kernel] = choose(values.kernel, KERNEL_NAMES, '--kernel');
  const able = EMULATORS.filter((name) => name !== 'v86' || KERNELS[kernel] === 32);
  const runs = Number(values.runs ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs: "${values.runs}" is not a number from 1`);
  const names = choose(
    values.only,
    TESTS.map((test) => test.name),
    '--only',
  );
  const chosen = TESTS.filter((test) => names.includes(test.name));
  const work = (count: number) => (values.quick ? Math.ceil(count / QUICK) : count);
  return {
    tests: chosen.map((test) => ({ ...test, count: work(test.count) })),
    emulators: choose(values.emulators, able, '--emulators'),
    places: choose(values.where, PLACES, '--where'),
    kernel,
    tier2: choose(values.tier2, TIER2_MODES, '--tier2')[0],
    runs,
    ...(values.write === undefined ? {} : { write: values.write }),
  };
}
