/** Where regions are compiled: in the computer's own thread, or in another one behind a pair of ports. */
import { type CompiledBatch, compileRegions } from './compile.ts';
import type { RegionJob } from './job.ts';

export interface RegionCompiler {
  /**
   * Branches to a place that make it worth compiling. In the computer's own thread a region costs about a
   * millisecond of its time, in which the interpreter executes 200,000 instructions.
   */
  readonly threshold: number;
  /** Whether `done` comes before `compile` returns. */
  readonly atOnce: boolean;
  /**
   * One compilation: so many regions or guest instructions at most, and at least so many instructions executed since the
   * last one. In the own thread it has to be done in some milliseconds; to another one each costs the same to send.
   */
  readonly batch: { readonly regions: number; readonly steps: number; readonly wait: number };
  compile(jobs: readonly RegionJob[], done: (batch: CompiledBatch) => void): void;
}

const OWN_THREAD: RegionCompiler = {
  threshold: 8192,
  atOnce: true,
  batch: { regions: 8, steps: 400, wait: 100_000 },
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
    batch: { regions: 12, steps: 600, wait: 100_000 },
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
