/**
 * Replays all recorded vectors on the simulated processor.
 *
 * Usage: npm run vectors:replay [-- --tier2 off|forced] [--per-template N] [NAME...]
 * Without --tier2 every instruction is compiled. Without names: all files, in all settings.
 */
import { parseArgs } from 'node:util';
import { Replayer, report, SETTINGS } from './replay.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tier2: { type: 'string', default: 'forced' }, 'per-template': { type: 'string' } },
});
const { tier2 } = values;
if (tier2 !== 'off' && tier2 !== 'forced') throw new Error(`--tier2 ${tier2}: off or forced`);
const perTemplate = values['per-template'];
const replayer = new Replayer({ tier2, ...(perTemplate ? { perTemplate: Number(perTemplate) } : {}) });

for (const setting of SETTINGS) {
  for (const name of setting.files) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const before = process.cpuUsage().user;
    const wrong = replayer.replay(name, setting);
    const seconds = (process.cpuUsage().user - before) / 1e6;
    console.log(
      `${name} ${setting.title}: ${wrong.replayed} vectors, ${wrong.compiled} instructions compiled, ${wrong.count} differ, ${seconds.toFixed(1)} s`,
    );
    if (wrong.count === 0) continue;
    process.exitCode = 1;
    console.log(report(wrong));
  }
}
