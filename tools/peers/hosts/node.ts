/** A Node process with one emulator; the driver sends a Setup and gets an Answer. */
import { readFile } from 'node:fs/promises';
import { ownTime } from '../processor-time.ts';
import { converse, type Setup } from './converse.ts';

process.once('message', async (setup: Setup) => {
  const answer = await converse(setup, {
    load: async (path) => new Uint8Array(await readFile(path)),
    sample: ownTime,
  });
  process.send?.(answer, () => process.exit(0));
});
