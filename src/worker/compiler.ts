import type { CompiledBatch } from '../cpu/regions/compile.ts';
import { otherThread, type RegionCompiler } from '../cpu/regions/compiler.ts';

/** @param thread that runs compiler-thread.ts */
export function compilerIn(thread: Worker): RegionCompiler {
  return otherThread(
    {
      send: (jobs) => thread.postMessage(jobs),
      listen: (answer, failed) => {
        thread.onmessage = (event: MessageEvent<CompiledBatch>) => answer(event.data);
        thread.onmessageerror = () => failed('its answer could not be read');
        thread.onerror = (event) => failed(event.message ?? 'it could not be started');
      },
    },
    (reason) => console.error(`The compiling thread failed, the machine's own goes on: ${reason}`),
  );
}
