/** Regions compiled elsewhere: later than they are asked for, and perhaps not wanted any more. */
import { afterEach, describe, expect, it } from 'vitest';
import { runLockstep } from '../testing/lockstep.ts';
import { LockstepMachine } from '../testing/lockstep-machine.ts';
import type { Slice } from '../testing/random-program.ts';
import { programOf } from '../testing/random-program-generator.ts';
import { type CompiledBatch, compileRegions, compileWarm } from './compile.ts';
import { otherThread, provideRegionCompiler, type RegionCompiler, regionCompiler } from './compiler.ts';
import type { RegionJob } from './job.ts';

interface Waiting {
  readonly jobs: readonly RegionJob[];
  readonly done: (batch: CompiledBatch) => void;
}

/** A thread that works when it is told; messages are copied as between threads. */
class Later implements RegionCompiler {
  readonly threshold = 512;
  readonly atOnce = false;
  readonly batch = { regions: 8, steps: 400, wait: 100_000 };
  readonly waiting: Waiting[] = [];

  compile(jobs: readonly RegionJob[], done: Waiting['done']): void {
    this.waiting.push({ jobs: structuredClone(jobs), done });
  }

  deliver(): void {
    for (const { jobs, done } of this.waiting.splice(0)) done(compileRegions(jobs));
  }
}

class LaterMachine extends LockstepMachine {
  private readonly compiler: Later;

  constructor(compiler: Later) {
    super('forced');
    this.compiler = compiler;
  }

  override run(slice: Slice) {
    const end = super.run(slice);
    this.compiler.deliver();
    return end;
  }
}

const own = regionCompiler();
afterEach(() => provideRegionCompiler(own));

function laterMachine(): { machine: LaterMachine; compiler: Later } {
  const compiler = new Later();
  provideRegionCompiler(compiler);
  const machine = new LaterMachine(compiler);
  provideRegionCompiler(own);
  return { machine, compiler };
}

it('knows registers anew after an instruction that the interpreter has carried out on one of two ways', () => {
  const machines = [new LockstepMachine('off'), new LockstepMachine('forced')];
  expect(runLockstep(machines, programOf(20261122, 94916)).mismatch).toBeUndefined();
});

it('does not begin ENTER again in the middle, which reads what it has written', () => {
  const machines = [new LockstepMachine('off'), new LockstepMachine('forced')];
  expect(runLockstep(machines, programOf(20261122, 75901)).mismatch).toBeUndefined();
});

describe('regions that come later', () => {
  it('change nothing that a guest or time could see', { timeout: 120_000 }, () => {
    const { machine } = laterMachine();
    const reference = new LockstepMachine('off');
    for (let number = 0; number < 150; number++) {
      const { mismatch } = runLockstep([reference, machine], programOf(31, number));
      expect(mismatch, `program ${number}`).toBeUndefined();
    }
    const { compiled, instructions } = machine.runtime.regions.statistics;
    expect(compiled).toBeGreaterThan(100);
    expect(instructions).toBeGreaterThan(10_000);
  });

  it('are made of jobs alone as they are in the own thread', () => {
    const bodies = (batch: CompiledBatch) => batch.regions.map(({ body, steps }) => [body, steps]);
    const { machine, compiler } = laterMachine();
    let jobs = 0;
    for (let number = 0; number < 20; number++) {
      runLockstep([new LockstepMachine('off'), machine], programOf(32, number));
      for (const waiting of compiler.waiting) {
        jobs += waiting.jobs.length;
        expect(bodies(compileWarm(waiting.jobs))).toEqual(bodies(compileRegions(waiting.jobs)));
      }
    }
    expect(jobs + machine.runtime.regions.statistics.compiled).toBeGreaterThan(20);
  });

  it('are not entered when the tier was turned off or their code was written to meanwhile', () => {
    for (const spoil of [
      (m: LaterMachine) => m.runtime.regions.setMode('off'),
      (m: LaterMachine) => {
        for (let page = 0; page < m.ram.length; page += 0x1000) m.runtime.code.written(page, 0x1000);
      },
    ]) {
      const { machine, compiler } = laterMachine();
      for (let number = 0; compiler.waiting.length === 0; number++) {
        const program = programOf(33, number);
        runLockstep([machine], { ...program, slices: [] });
        LockstepMachine.prototype.run.call(machine, program.slices[0]);
      }
      spoil(machine);
      const slots = machine.runtime.regions.statistics.regions;
      compiler.deliver();
      expect(machine.runtime.regions.statistics.compiled).toBeGreaterThan(0);
      expect(machine.runtime.regions.statistics.regions).toBe(slots);
      expect(slots).toBe(0);
    }
  });
});

describe('another thread', () => {
  const jobs: RegionJob[] = [];

  it('is sent jobs and answers in order', () => {
    const sent: (readonly RegionJob[])[] = [];
    let answer: (batch: CompiledBatch) => void = () => {};
    const compiler = otherThread(
      {
        send: (message) => sent.push(message),
        listen: (to) => {
          answer = to;
        },
      },
      () => {},
    );
    const batches: CompiledBatch[] = [];
    for (let i = 0; i < 2; i++) compiler.compile(jobs, (batch) => batches.push(batch));
    expect(sent).toHaveLength(2);
    const [first, second] = sent.map((message) => compileRegions(message));
    answer(first);
    answer(second);
    expect(batches).toEqual([first, second]);
  });

  it('is replaced by the own thread when it fails, and says why', () => {
    const reasons: string[] = [];
    let fail: (reason: string) => void = () => {};
    const compiler = otherThread(
      {
        send: () => {},
        listen: (_, failed) => {
          fail = failed;
        },
      },
      (reason) => reasons.push(reason),
    );
    let done = 0;
    compiler.compile(jobs, () => done++);
    expect(done).toBe(0);
    fail('no memory');
    expect(done).toBe(1);
    compiler.compile(jobs, () => done++);
    expect(done).toBe(2);
    expect(reasons).toEqual(['no memory']);
  });
});
