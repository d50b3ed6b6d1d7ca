/**
 * `node scripts/bundled.mjs FILE.ts [arguments]`: bundles a program and runs it in this process, as the page
 * runs its own code.
 */
import { rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundlePrograms } from './lib/bundle.mjs';

const [entry, ...rest] = process.argv.slice(2);
if (!entry) throw new Error('which program? usage: node scripts/bundled.mjs FILE.ts [arguments]');
// One folder a process: several may bundle the same program at once.
const folder = join(
  import.meta.dirname,
  '..',
  '.cache',
  'bundles',
  `${basename(entry, '.ts')}-${process.pid}`,
);
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const [program] = await bundlePrograms([resolve(entry)], folder);
process.argv = [process.argv[0], program, ...rest];
await import(pathToFileURL(program).href);
