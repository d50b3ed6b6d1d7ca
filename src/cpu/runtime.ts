/**
 * What the processors of one computer share: the decoded code, the instance of the interpreter and the
 * table of regions. The imports of generated code go to the processor that is running.
 */
import { CodeCache } from './code-cache.ts';
import { type EngineExports, type EngineImports, instantiate } from './engine.ts';
import { ReadWatches } from './read-watches.ts';
import { RegionCache } from './regions/cache.ts';
import { regionCompiler } from './regions/compiler.ts';
import { REGION_COUNTERS } from './state.ts';

export class Runtime {
  readonly memory: WebAssembly.Memory;
  readonly code: CodeCache;
  readonly reads: ReadWatches;
  readonly exports: EngineExports;
  /** Functions of the regions, by slot. */
  readonly regionTable: WebAssembly.Table;
  /** The slow paths of the running processor; set before generated code is called. */
  active!: EngineImports;
  /** What the regions' modules may import: the same, and all that the interpreter exports. */
  readonly regionImports: Record<string, WebAssembly.ExportValue | number>;
  readonly regions: RegionCache;

  constructor(memory: WebAssembly.Memory, ramBytes: number) {
    this.memory = memory;
    this.code = new CodeCache(memory, ramBytes);
    this.reads = new ReadWatches(memory, this.code);
    this.regionTable = new WebAssembly.Table({ element: 'anyfunc', initial: REGION_COUNTERS.MAX_SLOTS });
    const functions: Omit<EngineImports, 'helpers'> = {
      readMiss: (segment, lo, hi, bytes) => this.active.readMiss(segment, lo, hi, bytes),
      writeMiss: (segment, lo, hi, bytes, modify) => this.active.writeMiss(segment, lo, hi, bytes, modify),
      commitSlow: () => this.active.commitSlow(),
      system: (record) => this.active.system(record),
      systemNumbered: (record, number) => this.active.systemNumbered(record, number),
      hot: (record, table) => this.active.hot(record, table),
    };
    const helpers = { transcendental: (...args: number[]) => this.active.helpers.transcendental(...args) };
    const straddles = (record: number) => this.regions.straddles(record);
    const imports = { memory, ...functions, ...helpers, straddles };
    this.exports = instantiate({ ...imports, regions: this.regionTable });
    this.regionImports = { ...imports, ...this.exports };
    this.regions = new RegionCache(this, regionCompiler());
  }
}
