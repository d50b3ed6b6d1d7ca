/**
 * Has the engine below translate a batch to machine code, in whatever thread this is: it does so when a function is
 * first called, and modules share what was translated.
 */
import type { Signature } from '../../wasm/function.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { LAYOUT } from '../state.ts';
import type { CompiledBatch } from './compile.ts';

/** A function that a region's module imports. */
export interface Import {
  readonly name: string;
  readonly signature: Signature;
}

/**
 * Functions that stand for the imports of regions; nobody calls them. They are WebAssembly, because every module
 * that imports a JavaScript function costs milliseconds of wrapping.
 */
const stubs: Record<string, WebAssembly.ExportValue> = {};

/** Room for the CPU block and the counters. */
let emptyMemory: WebAssembly.Memory | undefined;

/** Calls each region on an empty memory, where it finds no cycles to run and returns. */
export function warmUp({ module, regions }: CompiledBatch, imports: readonly Import[]): void {
  emptyMemory ??= new WebAssembly.Memory({ initial: LAYOUT.TABLES >> 16, maximum: 0x10000 });
  for (const one of imports) stubs[one.name] ??= makeStub(one, emptyMemory);
  const env = { ...stubs, memory: emptyMemory };
  const { exports } = new WebAssembly.Instance(module, { env });
  for (const { name } of regions) (exports[name] as (cpu: number) => number)(LAYOUT.CPUS);
}

function makeStub({ name, signature }: Import, memory: WebAssembly.Memory): WebAssembly.ExportValue {
  const builder = new ModuleBuilder();
  const f = builder.function(signature);
  f.unreachable();
  builder.export(name, f);
  const module = new WebAssembly.Module(builder.finish(0x10000));
  return new WebAssembly.Instance(module, { env: { memory } }).exports[name];
}
