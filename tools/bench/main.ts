/** `npm run bench`: the interpreter's speed over a few guest programs, beside the same code run natively. */
import { assemble } from '../../src/isa/assembler/index.ts';
import { Computer } from '../../src/machine/computer.ts';
import { CODE, DATA, KERNELS } from './kernels.ts';
import { NativeRunner } from './native.ts';

const RUNS = 3;

interface Program {
  readonly image: Uint8Array;
  /** Offset of the kernel in the image; before it stands the code that calls it and ends the run. */
  readonly entry: number;
}

function build(name: string, body: string): Program {
  const source = `
        bits 64
        org ${CODE}
        %define DATA ${DATA}
        mov rsp, ${DATA}
        call kernel
        mov al, 0
        out 0xf4, al
        align 64
kernel:
${body}`;
  const { bytes, symbols, errors } = assemble(source, { file: name, includes: {}, format: 'bin' });
  if (errors.length > 0) throw new Error(errors.map((e) => `${name}:${e.line}: ${e.message}`).join('\n'));
  const kernel = symbols.find((s) => s.name === 'kernel');
  if (!kernel) throw new Error(`${name}: no kernel`);
  return { image: bytes, entry: Number(kernel.value) - CODE };
}

/** Seconds of processor time of this process. */
const cpuSeconds = (): number => process.cpuUsage().user / 1e6;

/** @returns instructions executed, and the best time of several runs. */
function simulate(program: Program): { instructions: number; seconds: number } {
  let best = Number.POSITIVE_INFINITY;
  let instructions = 0;
  for (let run = 0; run < RUNS; run++) {
    const computer = new Computer({ ramBytes: 32 << 20 });
    computer.boot({ kernel: program.image, commandLine: '', flat: { address: CODE, mode: 'long' } });
    const start = cpuSeconds();
    for (;;) {
      const stop = computer.run(computer.now + 5_000_000);
      if (stop.kind === 'time') continue;
      if (stop.kind !== 'exit') throw new Error(`the program ended by ${JSON.stringify(stop)}`);
      break;
    }
    best = Math.min(best, cpuSeconds() - start);
    instructions = computer.instructions;
  }
  return { instructions, seconds: best };
}

const mean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

const native = NativeRunner.open();
const rates: number[] = [];
const ratios: number[] = [];
const row = (cells: readonly string[]) =>
  console.log(cells.map((c, i) => (i === 0 ? c.padEnd(24) : c.padStart(18))).join(''));
row(['program', 'M instructions', 'M instructions/s', 'native M/s', 'times native']);
for (const [name, body] of Object.entries(KERNELS)) {
  const program = build(name, body);
  const { instructions, seconds } = simulate(program);
  const rate = instructions / seconds / 1e6;
  rates.push(rate);
  const cells = [name, (instructions / 1e6).toFixed(1), rate.toFixed(0)];
  if (native) {
    const nativeSeconds = native.seconds(program.image, program.entry);
    ratios.push(seconds / nativeSeconds);
    cells.push((instructions / nativeSeconds / 1e6).toFixed(0), (seconds / nativeSeconds).toFixed(1));
  }
  row(cells);
}
row(['geometric mean', '', mean(rates).toFixed(0), '', native ? mean(ratios).toFixed(1) : '']);
if (!native) console.log('Not run natively: that needs Linux on x86-64 and a C compiler.');
native?.close();
