/** `npm run bench`: bundles the benchmark, and what it runs in processes of their own, and runs it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { bundlePrograms } from '../../scripts/lib/bundle.mjs';

const root = join(import.meta.dirname, '..', '..');
const programs = ['main', 'boot', 'travel', 'stops'].map((name) => join(import.meta.dirname, `${name}.ts`));
const [main] = await bundlePrograms(programs, join(root, '.cache', 'bench'));
const { status } = spawnSync(process.execPath, [main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
