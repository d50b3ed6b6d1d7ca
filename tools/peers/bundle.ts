/** Bundles a host, with the lab and all it needs, into one file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { interpreterBytes } from '../../src/cpu/engine.ts';
import { COMPILER } from './bundle-names.ts';

export interface Bundles {
  /** Paths of the files. */
  readonly node: string;
  readonly worker: string;
  /** Threads that compile the lab's regions, for each of them: beside it. */
  readonly nodeCompiler: string;
  readonly workerCompiler: string;
  /** The lab's interpreter, made ahead of time as in the page's build. */
  readonly interpreter: string;
}

export async function bundle(folder: string): Promise<Bundles> {
  const one = async (entry: string, file: string, forNode: boolean) => {
    await build({
      configFile: false,
      logLevel: 'warn',
      publicDir: false,
      ssr: { noExternal: true },
      build: {
        ssr: forNode,
        target: 'es2023',
        chunkSizeWarningLimit: 2000,
        outDir: folder,
        emptyOutDir: false,
        rollupOptions: {
          input: join(import.meta.dirname, entry),
          output: { format: 'es', entryFileNames: file },
        },
      },
    });
    return join(folder, file);
  };
  mkdirSync(folder, { recursive: true });
  const interpreter = join(folder, 'interpreter.wasm');
  writeFileSync(interpreter, interpreterBytes());
  return {
    node: await one('hosts/node.ts', 'node.mjs', true),
    nodeCompiler: await one('hosts/compiler-node.ts', COMPILER.node, true),
    worker: await one('hosts/worker.ts', 'worker.mjs', false),
    workerCompiler: await one('../../src/worker/compiler-thread.ts', COMPILER.worker, false),
    interpreter,
  };
}
