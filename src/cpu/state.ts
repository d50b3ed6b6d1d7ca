/**
 * Layout of linear memory: CPU blocks with their TLBs, record tables, decoded records, guest RAM. The
 * architectural fields of a CPU block are in src/isa/state.ts, where the definitions can reach them.
 */
export { ACTIVITY } from '../arch/vmx.ts';
export { DIRECT, FAULT_VM_EXIT, FPU_TRAP, INTERRUPTIBILITY, SEGMENT, STATE } from '../isa/state.ts';

/** The banks of a TLB set, in order. */
export const BANK = { SUPERVISOR: 0, USER: 1, SUPERVISOR_AC: 2, USER_ALIGNED: 3 } as const;

/**
 * Software TLBs: direct-mapped, 16-byte entries { i64 tag, i32 payload, u32 host-physical page and flags }.
 * tag: linear page address (read, write), or that | code mode (execute). Invalid: -1.
 * payload: host address minus linear address, mod 2^32 (read, write), or the page's record table (execute).
 *
 * Four banks of three TLBs are a set; a processor has a set for each of several translation contexts (VPID,
 * EPT pointer, PCID), of which STATE.TLB_SET names the one in use. See tlb.ts.
 */
export const TLB = {
  ENTRIES: 1024,
  /** Of an execute TLB: a kernel's code is larger than 4 MiB, and what conflicts is looked up again at each call. */
  EXECUTE_ENTRIES: 4096,
  ENTRY_SIZE: 16,
  PAYLOAD: 8,
  PHYSICAL_PAGE: 12,
  /** The page number in PHYSICAL_PAGE, and the flags above it. */
  PAGE_MASK: 0x0fff_ffff,
  /** The slot is not in LOG (not in GLOBAL_LOG); kept when the slot gets another translation. */
  UNLOGGED: 0x1000_0000,
  UNLOGGED_GLOBAL: 0x2000_0000,
  GLOBAL: 0x4000_0000,
  /** The translation is of a larger page. */
  LARGE: 0x8000_0000,
  /** In the tag of a write entry: the page holds decoded code, and its lines decide about each write. */
  CODE_TAG: 1,
  /** In the tag of a read entry: bytes of the page are watched, see read-watches.ts. */
  WATCH_TAG: 1,
  /** In the tag of an execute entry: the translation is good, the page's record table is gone. */
  NO_TABLE_TAG: 0x800,
  READ: 0,
  WRITE: 0x4000,
  EXECUTE: 0x8000,
  BANK_SIZE: 0x18000,
  BANKS: 4,
  /** In a set, behind the banks: addresses of the slots used since the last flush, u32 each. */
  LOG: 0x60000,
  /** The same for slots that were given a global translation. */
  GLOBAL_LOG: 0x78000,
  /** i32: how many are in the logs. */
  LOGGED: 0x90000,
  GLOBAL_LOGGED: 0x90004,
  /** i64, a filter for INVLPG: the bit of each 1-GiB region of which a piece of a larger page was entered (regionBit). */
  LARGE_REGIONS: 0x90008,
  /** i32: the set has been used since power-on; its entries mean something. */
  IN_USE: 0x90010,
  SET_SIZE: 0x91000,
  SETS: 16,
  /** End of the architectural part of the CPU block. */
  OFFSET: 0x4000,
} as const;

/** Cached translations of the second dimension, by context (see virtualization/second-dimension.ts): 16-byte entries { u32 guest page, u32 host page, u32 rights }. */
export const NESTED_CACHE = {
  ENTRIES: 4096,
  ENTRY_SIZE: 16,
  HOST_PAGE: 4,
  RIGHTS: 8,
  /** Guest page number of an invalid entry. */
  INVALID: 0xffff_ffff,
  CONTEXT_SIZE: 0x10000,
  CONTEXTS: 8,
} as const;

export const CPU_BLOCK_SIZE = 0x4000;
/** TLB sets and nested caches of one processor. */
export const TRANSLATION_SIZE = TLB.SETS * TLB.SET_SIZE + NESTED_CACHE.CONTEXTS * NESTED_CACHE.CONTEXT_SIZE;

/** Linear memory of a computer. */
export const LAYOUT = {
  CPUS: 0x10000,
  MAX_CPUS: 8,
  /** Per processor: `CROSSED` entries. */
  CROSSED: 0x40000,
  /** `JUMPS` entries. */
  JUMPS: 0x100000,
  /** Per decoded page and mode: 4096 record addresses. */
  TABLES: 0x200000,
  TABLES_END: 0x2000000,
  /** Decoded records. */
  RECORDS: 0x2000000,
  RECORDS_END: 0x5c00000,
  /** Per record: u16, how often a branch has led to it. */
  COUNTERS: 0x5c00000,
  /** Per page of RAM: u64, bit n set when decoded code lies in the 64 bytes at 64 n. */
  LINES: 0x6000000,
  /** Per page of RAM: u32, the write-TLB slot that has it; 0: none, `SEVERAL`: look for them. */
  WRITERS: 0x6400000,
  /** Per processor: TLB sets, nested caches. */
  TRANSLATION: 0x6600000,
  /** Per page of RAM: u32, the record table made or asked for last, with its code mode in the low bits; 0: none. */
  TABLE_OF_PAGE: 0xb300000,
  /** Per record table and page offset FF0h-FFFh: `CROSSING` entries. */
  CROSSINGS: 0xb500000,
  /** Per page of RAM: u8, 1 when it may have been written since they were looked at last. See written-pages.ts. */
  WRITTEN: 0xb580000,
  /** Guest-physical address 0. */
  RAM: 0xb600000,
} as const;

/** The code mode in an entry of LAYOUT.TABLE_OF_PAGE. */
export const TABLE_MODE = 7;

/**
 * Instructions that cross into the next page, 8 bytes each: u32 record (0: none), u32 host-physical page of
 * the second part, for which the record was made.
 */
export const CROSSING = {
  /** An instruction of at most 15 bytes that begins before this offset does not cross. */
  FIRST_OFFSET: 0xff1,
  SECOND_PAGE: 4,
  /** log2 of the size of an entry, and of a record table. */
  SHIFT: 3,
  TABLE_SHIFT: 14,
} as const;

/** Changes of privilege level by generated code since it was called, STATE.CROSSED of them; 32 bytes each. */
export const CROSSED = {
  CAPACITY: 256,
  ENTRY_SIZE: 32,
  /** i64: before it. */
  CYCLE: 0,
  /** i64: before it. */
  RIP: 8,
  /** i32: number of a system operation, or vector of an exception and EXCEPTION. */
  CAUSE: 16,
  EXCEPTION: 0x10000,
  /** i32: privilege levels. */
  FROM: 20,
  TO: 24,
  /** i32: cycles charged. */
  COST: 28,
} as const;

/** Charged for entering an interrupt or exception handler, on top of the instruction. */
export const INTERRUPT_CYCLES = 50;

/** In LAYOUT.WRITERS: more than one write-TLB slot may have the page. */
export const SEVERAL = 1;

/** What regions count, in low memory: i64 each. For the views; no part of the computer's state. */
export const REGION_COUNTERS = {
  /** Instructions executed in regions. */
  INSTRUCTIONS: 0x1000,
  /** Calls of regions by the interpreter. */
  ENTRIES: 0x1008,
  /** Returns to the interpreter, by the index of the cause in `SIDE_EXITS`. */
  EXITS: 0x1010,
  /** i32: the budget when the instructions were counted last. */
  COUNTED: 0x1080,
  /** By slot: how often the region was entered. */
  SLOTS: 0x8000,
  /** Regions that there can be at a time. */
  MAX_SLOTS: 4096,
} as const;

/** In low memory, i32: how many watches of reads there are. No part of the computer's state. */
export const READ_WATCHES = 0x1100;

/**
 * Where indirect JMPs and CALLs have led in the interpreter, in low memory: { u32 record of the branch, u32 lower
 * half of the target's instruction pointer }, at an index made of both; a later pair takes an earlier one's place.
 */
export const TARGETS = {
  AT: 0x2000,
  /** A power of 2. */
  ENTRIES: 2048,
  ENTRY_SIZE: 8,
} as const;

/**
 * Where branches out of regions have led, by linear address: { u64 linear address, u32 record table of its page, u32 slot
 * of the region that begins there }, at an index made of the address; a later one takes an earlier one's place. An entry
 * counts where the execute TLB leads to that record table. They spare reading the record table and the record, which are
 * large and seldom in the caches of the processor below.
 */
export const JUMPS = {
  /** A power of 2. */
  ENTRIES: 4096,
  ENTRY_SIZE: 16,
  TABLE: 8,
  SLOT: 12,
} as const;

/** What the counter of a branch target says when it is to be compiled. */
export const HOT = 8192;

/** Fields of a decoded record; 32 bytes. Register fields are CPU-block offsets. */
export const RECORD = {
  /** u16: handler number in the interpreter's main table. */
  HANDLER: 0,
  /** u16: offset of the instruction in its page. */
  OFFSET: 2,
  /** u16: ModRM.reg operand. */
  REG: 4,
  /** u16: ModRM.rm register operand. */
  RM: 6,
  /** u16: base and index register (or STATE.ZERO). */
  BASE: 8,
  INDEX: 10,
  /** u8 */
  SCALE: 12,
  /** u8: segment of the memory operand (SEG number). */
  SEGMENT: 13,
  /** u8: instruction length in bytes. */
  LENGTH: 14,
  /** u8: bits 1:0 REP (0 none, 1 F3h, 2 F2h); bits 3:2 address size (0 16, 1 32, 2 64); bit 4 operand size override in effect; bit 5 LOCK. */
  PREFIXES: 15,
  /** i32 */
  DISPLACEMENT: 16,
  /**
   * u32: table slot of an outlined handler, number of a system operation, link of a branch (record address
   * or 0), or slot of a region, whose record has in IMMEDIATE the address of a copy of what stood there.
   */
  LINK: 20,
  /**
   * u32 each, of a relative branch to another page, in place of the memory operand that it does not have: the record
   * that it led to last, and that one's record table.
   */
  FAR_LINK: 8,
  FAR_TABLE: 16,
  /** i64, sign-extended */
  IMMEDIATE: 24,
  SIZE: 32,
} as const;

/** What an outlined handler or a system operation answers. */
export const STATUS = {
  /** Completed: go on with the next record. */
  NEXT: 0,
  /** Completed: STATE.RIP holds a near-branch target, truncated and not yet checked against the limit. */
  JUMP: 1,
  /** STATE.FAULT_* describe an exception; the instruction had no effect. */
  FAULT: 2,
  /** Execute the same record again. */
  AGAIN: 3,
  /** Completed: STATE.RIP and the mode are authoritative; return to the run loop in TypeScript. */
  EXIT: 4,
  /** The same, and the run loop has nothing to do: generated code may go on at STATE.RIP. */
  TRANSFER: 5,
} as const;

/** Why the generated code returned. */
export const RETURN = {
  /** Budget used up at an instruction boundary. STATE.RIP is valid. */
  BUDGET: 0,
  /** The record at STATE.RIP is not decoded, or its page not in the execute TLB. */
  LOOKUP: 1,
  FAULT: 2,
  EXIT: 4,
} as const;
