/**
 * A Worker with one emulator; the page sends a Setup and gets an Answer. A Worker cannot see its own
 * processor time: it asks the driver, which reads it from outside while the Worker waits.
 */
import { compilerIn } from '../../../src/worker/compiler.ts';
import { COMPILER } from '../bundle-names.ts';
import type { ProcessorTime } from '../time.ts';
import { converse, type Setup } from './converse.ts';

function ask(path: string): string {
  const request = new XMLHttpRequest();
  request.open('GET', path, false);
  request.send();
  if (request.status !== 200) throw new Error(`${path}: ${request.responseText}`);
  return request.responseText;
}

self.onmessage = async (event: MessageEvent<Setup>) => {
  const answer = await converse(event.data, {
    load: async (address) => new Uint8Array(await (await fetch(address)).arrayBuffer()),
    sample: () => JSON.parse(ask('time')) as ProcessorTime,
    compiler: () => compilerIn(new Worker(COMPILER.worker, { type: 'module' })),
  });
  self.postMessage(answer);
};
