/** The program `ringlab`: the laboratory without a page. */
import { readFileSync, writeFileSync } from 'node:fs';
import { MachineBench } from './machine-bench.ts';
import { type Benches, ringlab } from './session.ts';
import { VmBench } from './vm-bench.ts';

const benches: Benches = {
  machine: (command, image) => new MachineBench(command, image),
  vm: (command, image) => new VmBench(command, image),
};

process.exitCode = ringlab(
  process.argv.slice(2),
  {
    readFile: (path) => readFileSync(path),
    writeFile: (path, text) => writeFileSync(path, text),
    writeOutput: (bytes) => void process.stdout.write(bytes),
    writeError: (text) => void process.stderr.write(text),
    seconds: () => performance.now() / 1000,
  },
  benches,
);
