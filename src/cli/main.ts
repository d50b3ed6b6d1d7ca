/** The program `ringlab`: the laboratory without a page. */
import './branch-hints.ts';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { serveBridge } from './bridge/serve.ts';
import { serveGdb } from './gdb.ts';
import { MachineBench } from './machine-bench.ts';
import { type Benches, ringlab, type WithGdb } from './session.ts';
import { VmBench } from './vm-bench.ts';

const benches: Benches & WithGdb = {
  machine: (command, image) => new MachineBench(command, image),
  vm: (command, image) => new VmBench(command, image),
  gdb: serveGdb,
  bridge: (command, log) => serveBridge(command, log, Promise.race(endings())),
};

/** The user wants the program to end. */
function endings(): Promise<void>[] {
  return ['SIGINT', 'SIGTERM'].map((signal) => once(process, signal).then(() => {}));
}

/** As a program that SIGPIPE ended: nobody reads what comes. */
const BROKEN_PIPE_STATUS = 128 + 13;

for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

/** The run holds the event loop, so a reader that went away (`| head`) is noticed here and not by the event. */
function writeOutput(bytes: Uint8Array | string): void {
  process.stdout.write(bytes);
  if (process.stdout.errored) process.exit(BROKEN_PIPE_STATUS);
}

process.exitCode = await ringlab(
  process.argv.slice(2),
  {
    readFile: (path) => readFileSync(path),
    writeFile: (path, text) => writeFileSync(path, text),
    writeOutput,
    writeError: (text) => void process.stderr.write(text),
    seconds: () => performance.now() / 1000,
  },
  benches,
);
