import { basename, join } from 'node:path';
import { build } from 'vite';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * Bundles programs for Node, each with all that it imports of the project, as NAME.mjs in a folder: code that
 * is translated file by file as it is loaded compiles guests' code several times more slowly than the page's.
 *
 * @param {readonly string[]} programs paths of TypeScript files
 * @param {string} folder is emptied first
 * @returns {Promise<string[]>} paths of the bundles, in the order of the programs
 */
export async function bundlePrograms(programs, folder) {
  await build({
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    root: ROOT,
    build: {
      ssr: true,
      target: 'es2023',
      outDir: folder,
      emptyOutDir: true,
      rollupOptions: {
        input: [...programs],
        output: { format: 'es', entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  });
  return programs.map((program) => join(folder, `${basename(program, '.ts')}.mjs`));
}
