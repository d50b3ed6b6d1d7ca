/**
 * What the second tier tells about itself. A *region* is guest code that was compiled to one WebAssembly
 * function; everything else is executed by the interpreter, the first tier. Which of them executes an
 * instruction is seen by neither the guest nor simulated time: nothing here is part of the computer's state.
 */

/**
 * `off`: the interpreter does everything. `on`: code that runs often is compiled.
 * `forced`: every branch target is compiled when it is first executed, for tests.
 */
export type Tier2Mode = 'off' | 'on' | 'forced';

/**
 * Why a region went back to the interpreter, in order of what is looked at first.
 * The key is the name in `Tier2Statistics.sideExits`; the text is for people.
 */
export const SIDE_EXITS = {
  budget: 'the time slice is used up',
  target: 'a branch to code that is not compiled',
  memory: 'an access that needs the slow path: page fault, device, page crossing, page with code',
  system: 'a system instruction',
  fault: 'an instruction that would fault',
  slow: 'a case that only the interpreter carries out',
} as const;

export type SideExit = keyof typeof SIDE_EXITS;

/** Regions that were compiled together into one WebAssembly module. */
export interface CompileBatch {
  /** Number of the module: counts from 0 since power-on. */
  readonly module: number;
  /** Instructions that the computer had executed when it was compiled. */
  readonly at: number;
  readonly regions: number;
  /** Guest instructions in them. */
  readonly instructions: number;
  /** Bytes of the module. */
  readonly bytes: number;
}

/** Counts since power-on unless they say "now". */
export interface Tier2Statistics {
  readonly mode: Tier2Mode;
  /** Instructions executed in regions; the interpreter executed the others. */
  readonly instructions: number;
  /** Times that the interpreter called a region. */
  readonly entries: number;
  readonly sideExits: Readonly<Record<SideExit, number>>;
  /** Regions compiled. */
  readonly compiled: number;
  /** Regions, modules and bytes of modules in the code cache now, and the most that it takes. */
  readonly regions: number;
  readonly modules: number;
  readonly bytes: number;
  readonly limits: { readonly modules: number; readonly bytes: number };
  /** Number of the generation that new regions go into. */
  readonly generation: number;
  /** Generations evicted because the cache was full, and regions in them. */
  readonly evictions: number;
  readonly evicted: number;
  /** Regions dropped because their code was written to. */
  readonly dropped: number;
  /** Pages now left to the interpreter because their code kept changing. */
  readonly unstablePages: number;
  /** The latest compilations, oldest first; at most 64. */
  readonly batches: readonly CompileBatch[];
}

/** Before anything was compiled. */
export const NOTHING_COMPILED: Omit<Tier2Statistics, 'mode'> = {
  instructions: 0,
  entries: 0,
  sideExits: { budget: 0, target: 0, memory: 0, system: 0, fault: 0, slow: 0 },
  compiled: 0,
  regions: 0,
  modules: 0,
  bytes: 0,
  limits: { modules: 0, bytes: 0 },
  generation: 0,
  evictions: 0,
  evicted: 0,
  dropped: 0,
  unstablePages: 0,
  batches: [],
};

/** An instruction of a region: where its first byte lies. It may end in another page. */
export interface RegionInstruction {
  /** Host-physical page number. */
  readonly page: number;
  /** 0 to 4095. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
  /** Where its code begins in `RegionInfo.body`, in bytes. */
  readonly code: number;
}

/** One live region. */
export interface RegionInfo {
  /** Never reused while the computer is on. */
  readonly id: number;
  /** Where it is entered: host-physical page number and offset. */
  readonly page: number;
  readonly offset: number;
  /** Linear address at which it was compiled, signed as `Registers.rip`; another mapping may run it elsewhere. */
  readonly linear: number;
  /** `CODE_MODE` of the instruction definitions. */
  readonly codeMode: number;
  /** In the order of the WebAssembly code. An inlined call's instructions may occur more than once. */
  readonly instructions: readonly RegionInstruction[];
  readonly module: number;
  readonly generation: number;
  /** Times that it was entered, by the interpreter or by another region. */
  readonly entries: number;
  /** Local declarations and code of its WebAssembly function, as in a module's code section. */
  readonly body: Uint8Array;
  /** What the indices in `body` stand for; where a list has no name, the text shows the index. */
  readonly names: {
    /** Of functions, by index: imports first. */
    readonly functions: readonly (string | undefined)[];
    /** Of parameters and locals. */
    readonly locals: readonly (string | undefined)[];
  };
}
