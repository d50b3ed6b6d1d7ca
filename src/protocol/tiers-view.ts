import type { VmId } from './target.ts';

/** `forced` is for tests: the page sets the two others. */
export type Tier2Mode = 'off' | 'on' | 'forced';

/** A cause for which compiled code gave control back to the interpreter. */
export interface SideExitCount {
  readonly cause: string;
  readonly text: string;
  readonly count: number;
}

/** Regions compiled together. */
export interface CompileBatchView {
  /** Number of the WebAssembly module. */
  readonly module: number;
  /** Instructions executed until then. */
  readonly at: number;
  readonly regions: number;
  /** Guest instructions in them. */
  readonly instructions: number;
  readonly bytes: number;
}

/** Guest code that is one WebAssembly function. */
export interface RegionRow {
  readonly id: number;
  /** Linear address at which it was compiled. */
  readonly address: bigint;
  /** Host-physical address. */
  readonly physical: bigint;
  /** Default address size in bits: 16, 32 or 64. */
  readonly bitness: number;
  /** Guest instructions, and their bytes. */
  readonly instructions: number;
  readonly bytes: number;
  /** Bytes of the WebAssembly function. */
  readonly wasmBytes: number;
  readonly entries: number;
  readonly module: number;
  readonly generation: number;
}

/** The second tier of one computer. Counts are since power-on unless they say "now". */
export interface TiersView {
  /** The bare machine whose computer it is; null for the computer that runs the hypervisor. */
  readonly bare: VmId | null;
  readonly mode: Tier2Mode;
  /** Executed in all, and of them in compiled code. */
  readonly instructions: number;
  readonly compiledInstructions: number;
  /** Times that the interpreter went over to compiled code. */
  readonly entries: number;
  /** All causes, most frequent first. */
  readonly sideExits: readonly SideExitCount[];
  /** What the code cache holds now, and the most that it takes. */
  readonly cache: {
    readonly regions: number;
    readonly modules: number;
    readonly bytes: number;
    readonly maxModules: number;
    readonly maxBytes: number;
    readonly generation: number;
  };
  readonly compiled: number;
  /** Generations evicted, and regions in them. */
  readonly evictions: number;
  readonly evicted: number;
  /** Regions dropped because their code was written to. */
  readonly dropped: number;
  /** Pages now left to the interpreter because their code keeps changing. */
  readonly unstablePages: number;
  /** The latest, newest first. */
  readonly batches: readonly CompileBatchView[];
  /** Those entered most often, at most `REGIONS_SHOWN`. */
  readonly regions: readonly RegionRow[];
}

export const REGIONS_SHOWN = 100;

/** An instruction of a region. */
export interface RegionCodeLine {
  readonly address: bigint;
  /** Whether `address` is host-physical: the page was reached by a branch from another one. */
  readonly physical: boolean;
  readonly bytes: Uint8Array;
  readonly text: string;
}

export interface WasmTextLine {
  /** Index of the guest instruction that it helps to carry out; null before the first, and when it is not known. */
  readonly step: number | null;
  /** Blocks around it. */
  readonly depth: number;
  readonly text: string;
}

/** A region's guest code beside what it was compiled to. It never changes. */
export interface RegionView {
  readonly id: number;
  readonly code: readonly RegionCodeLine[];
  readonly wasm: readonly WasmTextLine[];
  /** Lines of WebAssembly that were left out at the end: no one reads so many. */
  readonly wasmLeftOut: number;
}
