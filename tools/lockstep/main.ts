/**
 * Random programs on both tiers in lockstep: `npm run lockstep -- --programs 100000 --seed 1`.
 *
 *   --programs N   how many (1000)            --seed S    of the run (1)
 *   --first F      number of the first (0)    --program P only this one
 *   --modes LIST   forced,on                  --jobs J    processes (2)
 *   --reports R    end after so many programs that differ (5)
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Tier2Mode } from '../../src/contracts/tiers.ts';
import { type CampaignResult, runCampaign } from '../../src/cpu/testing/lockstep-campaign.ts';

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    program: { type: 'string' },
    modes: { type: 'string', default: 'forced,on' },
    jobs: { type: 'string', default: '2' },
    reports: { type: 'string', default: '5' },
    part: { type: 'string' },
  },
});

function number(name: 'programs' | 'seed' | 'first' | 'jobs' | 'reports', text = values[name]): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} ${text}: a whole number is needed`);
  return value;
}

function modes(): Tier2Mode[] {
  return values.modes.split(',').map((mode) => {
    if (mode !== 'on' && mode !== 'forced' && mode !== 'off') {
      throw new Error(`--modes ${mode}: choose among off, on, forced`);
    }
    return mode;
  });
}

const one = values.program !== undefined;
const first = one ? number('first', values.program) : number('first');
const count = one ? 1 : number('programs');
const seed = number('seed');
const jobs = one ? 1 : number('jobs');

function run(part: readonly [number, number]): CampaignResult {
  let done = 0;
  return runCampaign({
    seed,
    first,
    count,
    part,
    modes: modes(),
    most: number('reports'),
    progress: (at) => {
      done++;
      if (done % 1000 === 0 && part[0] === 0) console.error(`program ${at} of ${first + count}`);
    },
  });
}

/** This program again, for a part of the numbers. */
function runElsewhere(part: number): Promise<CampaignResult> {
  return new Promise((resolve, reject) => {
    const child = fork(process.argv[1], [...process.argv.slice(2), '--part', `${part}/${jobs}`]);
    child.on('message', (message) => resolve(message as CampaignResult));
    child.on('exit', (code, signal) =>
      reject(new Error(`the process of part ${part} ended with ${code ?? signal}`)),
    );
  });
}

if (values.part !== undefined) {
  const [part, of] = values.part.split('/').map(Number);
  const result = run([part, of]);
  process.send?.(result, () => process.exit());
} else {
  const results =
    jobs > 1 ? await Promise.all(Array.from({ length: jobs }, (_, i) => runElsewhere(i))) : [run([0, 1])];
  const sum = (key: 'programs' | 'instructions' | 'slices'): number =>
    results.reduce((n, r) => n + r[key], 0);
  const reports = results.flatMap((r) => r.reports);
  for (const report of reports) console.log(`${report}\n`);
  console.log(
    `${sum('programs')} programs, ${sum('instructions')} instructions, ${sum('slices')} slices: ${reports.length} differ`,
  );
  process.exitCode = reports.length === 0 ? 0 : 1;
}
