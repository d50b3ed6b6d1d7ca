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
import { placeTable, summaryTable } from './report.ts';
import { NOTHING, Results } from './results.ts';

const cache = join(import.meta.dirname, '..', '..', '.cache');

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
        console.error(`peers: run ${run} of ${runs}: ${label(competitor)}: ${seconds} s`);
      } catch (error) {
        process.exitCode = 1;
        console.error(
          `peers: ${label(competitor)} failed: ${error instanceof Error ? error.message : error}`,
        );
      }
    }
  }
  return results;
}

function report(results: Results, { tests, places, runs }: Options): string {
  const disagreements = results.disagreements();
  const machine = `${cpus()[0].model.trim()}, ${cpus().length} processors, Node ${process.version}`;
  return [
    `Best of ${runs} boots each, processor time of the emulating thread; ${machine}.`,
    summaryTable(results, places, tests),
    ...places.map((place) => placeTable(results, place, tests)),
    ...(disagreements.length > 0 ? [`Checksums differ:\n\n- ${disagreements.join('\n- ')}`] : []),
  ].join('\n\n');
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(HELP);
    return;
  }
  const results = await race(await prepareCompetitors(options, cache), options);
  const text = report(results, options);
  console.log(text);
  if (options.write !== undefined) writeFileSync(options.write, `# The lab beside v86 and QEMU\n\n${text}\n`);
  if (results.disagreements().length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(`peers: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
