/** Where regions are compiled: in the computer's own thread, or in another one behind a pair of ports. */
import { LAYOUT } from '../state.ts';
import { type CompiledBatch, compileRegions } from './compile.ts';
import type { RegionJob } from './job.ts';

export interface RegionCompiler {
  /**
   * Branches to a place that make it worth compiling. In the computer's own thread a region costs one
   * to two milliseconds of its time, in which the interpreter executes 200,000 instructions.
   */
  readonly threshold: number;
  /** Whether `done` comes before `compile` returns. */
  readonly atOnce: boolean;
  compile(jobs: readonly RegionJob[], done: (batch: CompiledBatch) => void): void;
}

const OWN_THREAD: RegionCompiler = {
  threshold: 8192,
  atOnce: true,
  compile: (jobs, done) => done(compileRegions(jobs)),
};

let provided = OWN_THREAD;

/** What compiles the regions of computers that are made from now on. */
export function provideRegionCompiler(compiler: RegionCompiler): void {
  provided = compiler;
}

export const regionCompiler = (): RegionCompiler => provided;

/** A thread that messages can be sent to. */
export interface CompilerThread {
  send(jobs: readonly RegionJob[]): void;
  /** Called once. The thread answers each message in order; when it fails, it answers no more. */
  listen(answer: (batch: CompiledBatch) => void, failed: (reason: string) => void): void;
}

/** Compiles in another thread; should that one fail, in the own thread, after `report`. */
export function otherThread(thread: CompilerThread, report: (reason: string) => void): RegionCompiler {
  const waiting: { jobs: readonly RegionJob[]; done: (batch: CompiledBatch) => void }[] = [];
  let isAlive = true;
  thread.listen(
    (batch) => waiting.shift()?.done(batch),
    (reason) => {
      isAlive = false;
      report(reason);
      for (const { jobs, done } of waiting.splice(0)) OWN_THREAD.compile(jobs, done);
    },
  );
  return {
    threshold: 2048,
    atOnce: false,
    compile: (jobs, done) => {
      if (!isAlive) {
        OWN_THREAD.compile(jobs, done);
        return;
      }
      waiting.push({ jobs, done });
      thread.send(jobs);
    },
  };
}

/** The other thread's side: compiles, and has the engine below compile as well. */
export function serve(jobs: readonly RegionJob[]): CompiledBatch {
  const batch = compileRegions(jobs);
  warmUp(batch);
  return batch;
}

/**
 * The engine below translates a function to machine code when it is first called: here each is, on an
 * empty memory, where it finds no cycles to run and returns. Modules share what was translated.
 */
function warmUp({ module, regions }: CompiledBatch): void {
  const env: Record<string, WebAssembly.ExportValue> = {};
  for (const { name } of WebAssembly.Module.imports(module)) env[name] = () => 0;
  // Room for the CPU block and the counters.
  emptyMemory ??= new WebAssembly.Memory({ initial: LAYOUT.TABLES >> 16, maximum: 0x10000 });
  env.memory = emptyMemory;
  const { exports } = new WebAssembly.Instance(module, { env });
  for (const { name } of regions) (exports[name] as (cpu: number) => number)(LAYOUT.CPUS);
}

let emptyMemory: WebAssembly.Memory | undefined;
