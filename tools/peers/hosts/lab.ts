/** This project's computer, run in slices as the page's Worker runs it, without the page. */

import type { Tier2Mode } from '../../../src/contracts/tiers.ts';
import { provideInterpreter } from '../../../src/cpu/engine.ts';
import { provideRegionCompiler, type RegionCompiler } from '../../../src/cpu/regions/compiler.ts';
import { Computer } from '../../../src/machine/computer.ts';
import type { Boot } from './emulator.ts';

export interface LabParts {
  /** What the page's build makes ahead of time. */
  readonly interpreter: Uint8Array<ArrayBuffer>;
  readonly tier2: Tier2Mode;
  compiler(): RegionCompiler;
}

/** Cycles between two looks at the event loop: about a hundredth of a second. A look costs a browser up to 0.1 ms. */
const SLICE = 2_000_000;

/**
 * Lets the event loop turn, without the 4 ms that timers wait in a browser. Node's message ports are no way there: a
 * port that sends to itself is served a thousand times before any other, the compiling thread's among them.
 */
function turner(task: () => void): () => void {
  if (typeof setImmediate === 'function') return () => setImmediate(task);
  const channel = new MessageChannel();
  channel.port1.onmessage = task;
  return () => channel.port2.postMessage(null);
}

export const bootLab: Boot<LabParts> = async (images, parts, output, failed) => {
  const { interpreter, tier2, compiler } = parts;
  provideInterpreter(await WebAssembly.compile(interpreter));
  provideRegionCompiler(compiler());
  const computer = new Computer({ ramBytes: images.ramBytes, serialOutput: output, tier2 });
  const { kernel, initramfs: initrd, commandLine } = images;
  computer.boot({ kernel, initrd, commandLine });
  let stopped = false;
  const turn = turner(() => {
    if (stopped) return;
    try {
      const stop = computer.run(computer.now + SLICE);
      if (stop.kind === 'time') turn();
      else failed(`the computer stopped: ${JSON.stringify(stop)}`);
    } catch (error) {
      failed(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  });
  turn();
  return {
    send: (text) => computer.input([...new TextEncoder().encode(text)]),
    stop: () => {
      stopped = true;
    },
  };
};
