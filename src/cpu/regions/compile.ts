/** Compiles regions to a WebAssembly module: from jobs, without the computer, in any thread. */
import type { RegionInfo } from '../../contracts/tiers.ts';
import { FunctionBuilder } from '../../wasm/function.ts';
import { getPlan } from '../engine.ts';
import { REGION_SIGNATURE } from '../generator/branch.ts';
import { CodeSource } from './code-source.ts';
import { emitRegion } from './function.ts';
import { decodeJob, type RegionJob } from './job.ts';
import { RegionEnvironment } from './module.ts';
import { warmUp } from './warm-up.ts';

export interface CompiledBatch {
  readonly module: WebAssembly.Module;
  /** Bytes of the module. */
  readonly bytes: number;
  /** Names of functions, by index: imports first. */
  readonly functionNames: readonly string[];
  /** In the order of the jobs. */
  readonly regions: readonly CompiledRegion[];
}

export interface CompiledRegion {
  /** Name of its function among the module's exports. */
  readonly name: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly localNames: RegionInfo['names']['locals'];
  /** In the order of the code, two numbers each: the step's in the job, and where its code begins in `body`. */
  readonly steps: Int32Array<ArrayBuffer>;
}

export const compileRegions = (jobs: readonly RegionJob[]): CompiledBatch =>
  compile(jobs, new RegionEnvironment());

/** The same, and the engine below has translated them to machine code: for a thread that has the time. */
export function compileWarm(jobs: readonly RegionJob[]): CompiledBatch {
  const environment = new RegionEnvironment();
  const batch = compile(jobs, environment);
  warmUp(batch, environment.imported);
  return batch;
}

function compile(jobs: readonly RegionJob[], environment: RegionEnvironment): CompiledBatch {
  const regions = jobs.map((job) => compileRegion(job, environment));
  const bytes = environment.finish();
  const module = new WebAssembly.Module(bytes);
  const functionNames = environment.imported.map(({ name }) => name);
  return { module, bytes: bytes.length, functionNames, regions };
}

function compileRegion(job: RegionJob, environment: RegionEnvironment): CompiledRegion {
  const source = new CodeSource(job.records.buffer, getPlan());
  const region = decodeJob(job, (record) => source.shape(record));
  const { mode, slot, requestAfter } = job;
  const { f, steps, locals } = emitRegion(() => new FunctionBuilder(Number.NaN, REGION_SIGNATURE), {
    source,
    region,
    mode,
    environment,
    slot,
    requestAfter,
  });
  const body = f.finish().slice();
  /** Bytes before the code of the first step: declarations and prologue; behind the last stands `end`. */
  const head = body.length - f.code.length - 1;
  return {
    name: environment.add(f),
    body,
    localNames: locals,
    steps: Int32Array.from(steps.flatMap(({ step, code }) => [step.number, head + code])),
  };
}
