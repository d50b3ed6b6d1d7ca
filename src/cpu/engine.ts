/**
 * The generated interpreter, made once for a page or process: the handler plan and the compiled
 * module. Every processor instantiates the module with its own slow paths.
 */
import { opcodeMap } from '../isa/instructions.ts';
import { type HandlerPlan, planHandlers } from './generator/handlers.ts';
import { generateInterpreter } from './generator/interpreter.ts';
import { HELPERS, type HelperName } from './helpers.ts';

export interface Engine {
  readonly plan: HandlerPlan;
  readonly module: WebAssembly.Module;
}

/** What generated code asks of the processor that runs it. */
export interface EngineImports {
  readMiss(segment: number, lo: number, hi: number, bytes: number): number;
  writeMiss(segment: number, lo: number, hi: number, bytes: number, modify: number): number;
  commitSlow(): void;
  system(record: number): number;
  systemNumbered(record: number, number: number): number;
  hot(record: number, table: number): void;
  helpers: Record<HelperName, (...args: number[]) => number>;
}

export interface EngineExports {
  /** (CPU block, record, table) -> RETURN.x */
  run(state: number, record: number, table: number): number;
  /** (CPU block) -> RFLAGS */
  rflags(state: number): number;
  /** Outlined handlers by number. */
  readonly handlers: WebAssembly.Table;
  /** Library functions by name. */
  readonly [name: string]: unknown;
}

/** Pages of 64 KiB that a linear memory may have: 4 GiB. */
const MAXIMUM_PAGES = 65536;

let plan: HandlerPlan | undefined;
let engine: Engine | undefined;

export function getPlan(): HandlerPlan {
  plan ??= planHandlers(opcodeMap.entries);
  return plan;
}

export function getEngine(): Engine {
  engine ??= { plan: getPlan(), module: new WebAssembly.Module(interpreterBytes()) };
  return engine;
}

/** The interpreter as a WebAssembly binary: some 0.8 MB, made in about half a second. */
export function interpreterBytes(): Uint8Array<ArrayBuffer> {
  return generateInterpreter(getPlan(), HELPERS, MAXIMUM_PAGES);
}

/** Takes a module that was made of `interpreterBytes` ahead of time. Before the first processor is made. */
export function provideInterpreter(module: WebAssembly.Module): void {
  engine = { plan: getPlan(), module };
}

/** An instance of the interpreter. */
export function instantiate(env: Record<string, WebAssembly.ExportValue | number>): EngineExports {
  return new WebAssembly.Instance(getEngine().module, { env }).exports as unknown as EngineExports;
}
