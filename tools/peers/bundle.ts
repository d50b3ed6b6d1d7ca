/** Bundles a host, with the lab and all it needs, into one file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { interpreterBytes } from '../../src/cpu/engine.ts';

export interface Bundles {
  /** Paths of the files. */
  readonly node: string;
  readonly worker: string;
  /** The lab's interpreter, made ahead of time as in the page's build. */
  readonly interpreter: string;
}

export async function bundle(folder: string): Promise<Bundles> {
  const one = async (name: 'node' | 'worker') => {
    const file = `${name}.mjs`;
    await build({
      configFile: false,
      logLevel: 'warn',
      publicDir: false,
      ssr: { noExternal: true },
      build: {
        ssr: name === 'node',
        target: 'es2023',
        chunkSizeWarningLimit: 2000,
        outDir: folder,
        emptyOutDir: false,
        rollupOptions: {
          input: join(import.meta.dirname, 'hosts', `${name}.ts`),
          output: { format: 'es', entryFileNames: file },
        },
      },
    });
    return join(folder, file);
  };
  mkdirSync(folder, { recursive: true });
  const interpreter = join(folder, 'interpreter.wasm');
  writeFileSync(interpreter, interpreterBytes());
  return { node: await one('node'), worker: await one('worker'), interpreter };
}
