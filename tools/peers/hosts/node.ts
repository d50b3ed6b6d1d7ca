/** A Node process with one emulator; the driver sends a Setup and gets an Answer. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CompiledBatch } from '../../../src/cpu/regions/compile.ts';
import { otherThread } from '../../../src/cpu/regions/compiler.ts';
import { COMPILER } from '../bundle-names.ts';
import { ownTime } from '../processor-time.ts';
import { converse, type Setup } from './converse.ts';

function compiler() {
  const thread = new Worker(join(dirname(process.argv[1]), COMPILER.node));
  return otherThread(
    {
      send: (jobs) => thread.postMessage(jobs),
      listen: (answer, failed) => {
        thread.on('message', (batch: CompiledBatch) => answer(batch));
        thread.on('error', (error) => failed(error.message));
      },
    },
    (reason) => console.error(`the compiling thread failed: ${reason}`),
  );
}

process.once('message', async (setup: Setup) => {
  const answer = await converse(setup, {
    load: async (path) => new Uint8Array(await readFile(path)),
    sample: ownTime,
    compiler,
  });
  process.send?.(answer, () => process.exit(0));
});
