/**
 * `npm run bench:peers`: the lab beside v86 and QEMU. All boot the same Debian kernel with the same
 * initramfs and run the same benchmark program (program/); what is compared is processor time of the
 * thread that emulates, read outside the guest while the guest waits. README.md says how.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Competitor, prepareCompetitors } from './competitors.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { meansTable, placeTable } from './report.ts';
import { NOTHING, Results } from './results.ts';

const CACHE = join(import.meta.dirname, '..', '..', '.cache');
const TITLE = '# The lab beside v86 and QEMU';

const log = (text: string) => console.error(`peers: ${text}`);
const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const label = ({ emulator, place }: Competitor) =>
  place === undefined ? emulator : `${emulator} in ${place}`;

/** Every competitor in turn, so that a slow hour of the computer strikes all alike. */
async function race(competitors: readonly Competitor[], { tests, runs }: Options): Promise<Results> {
  const results = new Results();
  const commands = [{ name: NOTHING, count: 1 }, ...tests];
  for (let run = 1; run <= runs; run++) {
    for (const competitor of competitors) {
      const start = performance.now();
      try {
        results.add(competitor.emulator, competitor.place, await competitor.run(commands));
        const seconds = ((performance.now() - start) / 1000).toFixed(0);
        log(`run ${run} of ${runs}: ${label(competitor)}: ${seconds} s`);
      } catch (error) {
        process.exitCode = 1;
        log(`run ${run} of ${runs}: ${label(competitor)} failed: ${reasonOf(error)}`);
      }
    }
  }
  return results;
}

function report(results: Results, options: Options, versions: readonly string[]): string {
  const { kernel, places, runs } = options;
  const machine = `${cpus()[0].model.trim()} (${cpus().length} processors)`;
  const boots = runs === 1 ? 'one boot' : `the best of ${runs} boots`;
  return [
    `Processor time of the emulating thread, ${boots} of the kernel ${kernel}. ${[machine, ...versions].join(', ')}.`,
    meansTable(results, options),
    ...places.map((place) => placeTable(results, options, place)),
  ].join('\n\n');
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(HELP);
    return;
  }
  const { competitors, versions } = await prepareCompetitors(options, CACHE);
  const results = await race(competitors, options);
  const text = report(results, options, versions);
  console.log(text);
  if (options.write !== undefined) writeFileSync(options.write, `${TITLE}\n\n${text}\n`);
  for (const line of results.disagreements()) {
    process.exitCode = 1;
    log(`checksums differ: ${line}`);
  }
}

main().catch((error: unknown) => {
  process.exitCode = 1;
  log(reasonOf(error));
});
