/**
 * `npm run bench`: bundles the benchmark and runs it. Code that is translated as it is loaded runs slower
 * than what the page gets.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, '..', '..');
const outDir = join(root, '.cache', 'bench');

await build({
  configFile: false,
  logLevel: 'warn',
  publicDir: false,
  build: {
    ssr: true,
    target: 'es2023',
    outDir,
    emptyOutDir: true,
    rollupOptions: {
      input: ['main', 'boot'].map((name) => join(import.meta.dirname, `${name}.ts`)),
      output: { format: 'es', entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
    },
  },
});
const { status } = spawnSync(process.execPath, [join(outDir, 'main.mjs'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
