/**
 * `node scripts/bundled.mjs FILE.ts [arguments]`: bundles a program and runs it in this process, as the page
 * runs its own code. Code that is translated file by file as it is loaded compiles guests' code several times
 * more slowly.
 */
import { rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';

const [entry, ...rest] = process.argv.slice(2);
if (!entry) throw new Error('which program? usage: node scripts/bundled.mjs FILE.ts [arguments]');
// One folder a process: several may bundle the same program at once.
const outDir = join(
  import.meta.dirname,
  '..',
  '.cache',
  'bundles',
  `${basename(entry, '.ts')}-${process.pid}`,
);

await build({
  configFile: false,
  logLevel: 'warn',
  publicDir: false,
  root: join(import.meta.dirname, '..'),
  build: {
    ssr: true,
    target: 'es2023',
    outDir,
    emptyOutDir: true,
    rollupOptions: {
      input: resolve(entry),
      output: { format: 'es', entryFileNames: 'program.mjs', chunkFileNames: '[name].mjs' },
    },
  },
});
process.on('exit', () => rmSync(outDir, { recursive: true, force: true }));
const program = join(outDir, 'program.mjs');
process.argv = [process.argv[0], program, ...rest];
await import(pathToFileURL(program).href);
