/**
 * Layout of a CPU block in linear memory. Offsets are bytes from the block's start; the generated
 * code and the TypeScript views both take them from here. All fields are little-endian.
 *
 *   0000  registers, flags, control state      0400  XMM0-15        0500  x87 / MMX
 *   0800  segment registers                    0c00  control registers and MSRs
 *
 * The TLBs lie elsewhere: see TLB in cpu/state.ts.
 */
export const STATE = {
  /** General registers, 8 bytes each, in encoding order. */
  GPR: 0x000,
  /** Always 0: stands for an absent base or index register. */
  ZERO: 0x080,
  /** Instruction pointer; authoritative only while the processor is outside the generated code. */
  RIP: 0x088,
  /** Lazy status flags: operand, result, kind (see isa/flags.ts). */
  FLAG_A: 0x090,
  FLAG_RESULT: 0x098,
  FLAG_KIND: 0x0a0,
  /** RFLAGS without the six status flags; bit 1 always set. */
  FLAG_SYSTEM: 0x0a4,
  /** Cycles left before the generated code has to return; i32, may go negative by charges. */
  BUDGET: 0x0a8,
  /** CPL, 0..3. */
  CPL: 0x0ac,
  /** Linear address of the current code page, and the same less the CS base. */
  PAGE_LINEAR: 0x0b0,
  PAGE_IP: 0x0b8,
  /** Code mode (isa/decoder.ts), the low bits of execute-TLB tags; i64. */
  CODE_MODE: 0x0c0,
  /** Mask of linear addresses: -1 in 64-bit mode, FFFFFFFFh otherwise. */
  ADDRESS_MASK: 0x0c8,
  /** Mask of the stack pointer by SS.B: FFFFh, FFFFFFFFh, or -1 in 64-bit mode. */
  STACK_MASK: 0x0d0,
  /** Highest legal near-branch target: the CS limit, or -1 (unsigned) in 64-bit mode. */
  CODE_LIMIT: 0x0d8,
  /** Base of the TLB bank in use, a linear-memory address; i32. */
  TLB_BANK: 0x0e0,
  /** Nonzero (i32) when x87 / SSE / MMX instructions must take the checking path: bits of `FPU_TRAP`. */
  FPU_TRAP: 0x0e4,
  /** The pending exception of a FAULT status: vector (i32), error code (i32, -1 for none), fault address (i64). */
  FAULT_VECTOR: 0x0e8,
  FAULT_ERROR: 0x0ec,
  FAULT_ADDRESS: 0x0f0,
  /**
   * What BUDGET was right after the STI that set INTERRUPTIBILITY.STI, less what was charged since: the
   * difference is the number of instructions begun since, and the shadow lasts while it is 0; i32.
   */
  STI_BUDGET: 0x0f8,
  /** Nonzero (i32) while the run loop wants to know when RFLAGS.IF becomes 1. */
  WATCH_IF: 0x0fc,
  /** Bases that effective addresses use (i64 each, ES CS SS DS FS GS): 0 for ES CS SS DS in 64-bit mode. */
  EFFECTIVE_BASE: 0x100,
  /** Readable and writable offset range of each segment: i64 readLow, readHigh, writeLow, writeHigh; 32 bytes each. */
  SEGMENT_RANGE: 0x140,
  /** 64 bytes where slow memory accesses are put together. Just below: nothing; ordinary RAM lies above. */
  SCRATCH: 0x240,
  /** 64 more for generated semantics. */
  TEMPORARY: 0x280,
  /** 128 bytes that the floating-point functions compute in: see isa/float/workspace.ts. */
  FLOAT: 0x2c0,
  XMM: 0x400,
  /** x87 physical registers R0-R7, 16 bytes each: i64 significand, u16 sign and exponent. MMX uses the significand. */
  X87: 0x500,
  FCW: 0x580,
  /** Status word without TOP. */
  FSW: 0x582,
  /** TOP, 0..7 (i32). */
  FTOP: 0x584,
  /** Bit n set: physical register n is not empty (i32). */
  FTAG: 0x588,
  FOP: 0x58c,
  /** Last x87 instruction and data pointer (i64) and their selectors (u16). */
  FIP: 0x590,
  FDP: 0x598,
  FCS: 0x5a0,
  FDS: 0x5a2,
  MXCSR: 0x5a8,
  /** 512 bytes where FXSAVE and FXRSTOR put their image together. */
  FX_IMAGE: 0x600,
  /** Segment registers ES CS SS DS FS GS LDTR TR, 32 bytes each: see SEGMENT. */
  SEGMENTS: 0x800,
  /** GDTR, IDTR: i64 base, u32 limit; 16 bytes each. */
  GDTR: 0x900,
  IDTR: 0x910,
  /** Blocking of interrupts after the last instruction and of NMIs: bits of `INTERRUPTIBILITY`; i32. */
  INTERRUPTIBILITY: 0x920,
  /** One of `ACTIVITY`; i32. */
  ACTIVITY: 0x924,
  /** DR6 bits (B0-B3, BS) of debug traps that are due at the next instruction boundary; i32. */
  PENDING_DEBUG: 0x928,
  /** The four page-directory-pointer-table entries that PAE paging has loaded with CR3; 8 bytes each. */
  PDPTE: 0x930,
  /**
   * What the page walker needs beside the registers; reset leaves it alone. TLB_SET: the TLB set in use, a
   * linear-memory address (i32). NESTED_CACHE: the cached translations of the second dimension in use, 0 without
   * one (i32); NESTED_TABLE: its EPT PML4 table, host-physical, or an address beyond RAM where the tables are
   * of another kind (i64). RAM_BYTES: bytes of RAM (u32).
   */
  TLB_SET: 0x950,
  NESTED_CACHE: 0x954,
  NESTED_TABLE: 0x958,
  RAM_BYTES: 0x960,
  /** Record table of the current code page while a region runs; i32. */
  TABLE: 0x964,
  /** What the time-stamp counter will say when BUDGET is 0; i64. */
  TSC: 0x968,
  /** What needs no look at anything else just now: bits of `DIRECT`; i32. */
  DIRECT: 0x970,
  /** What a walk of the guest's page tables wants of the pages that hold them, under a second dimension; i32. */
  TABLE_RIGHTS: 0x974,
  /**
   * What BUDGET was right after RFLAGS was loaded, less what was charged since. RF, when it is set, lasts while BUDGET
   * is that or, within an instruction, one less; then it means nothing; i32.
   */
  RF_BUDGET: 0x978,
  /** Transfers in generated code that the run loop has not heard of: entries in LAYOUT.CROSSED, cycles charged; i32. */
  CROSSED: 0x97c,
  CHARGED: 0x980,
  /** The cycle at which BUDGET is 0; i64. */
  HORIZON: 0x988,
  CR0: 0xc00,
  CR2: 0xc08,
  CR3: 0xc10,
  CR4: 0xc18,
  EFER: 0xc20,
  /** DR0-DR7, 8 bytes each. */
  DR: 0xc40,
  /** MSRs that Linux and others use, 8 bytes each: see src/cpu/msr.ts for the list. */
  MSR: 0xd00,
  KERNEL_GS_BASE: 0xd40,
  TSC_AUX: 0xd48,
} as const;

/** Bits of STATE.DIRECT. */
export const DIRECT = {
  /** PAUSE does nothing. */
  PAUSE: 1,
  /** The time-stamp counter says STATE.TSC - BUDGET. */
  TSC: 2,
  /** PUSHF and POPF are not intercepted. */
  FLAGS: 4,
  /** Nobody has to see a change of privilege level at once: see cpu/generator/transfers.ts. */
  TRANSFERS: 8,
} as const;

/** Fields of a segment register, offsets in its 32 bytes. `attributes` as in the VMCS access-rights format. */
export const SEGMENT = {
  SELECTOR: 0,
  /** Access rights: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16. */
  ATTRIBUTES: 4,
  /** Limit in bytes, granularity applied. */
  LIMIT: 8,
  /** 64-bit base. */
  BASE: 16,
  SIZE: 32,
} as const;

/** Bits of `STATE.INTERRUPTIBILITY`, as in the VMCS interruptibility-state field. */
export const INTERRUPTIBILITY = { STI: 1, MOV_SS: 2, NMI: 8 } as const;

/**
 * A value of `STATE.FAULT_VECTOR` that is no exception: the access ended in a VM exit, which the
 * interceptor has recorded. The operation unwinds as for a fault and the run loop completes the exit.
 */
export const FAULT_VM_EXIT = 0x100;

/** Why `FPU_TRAP` is not 0. */
export const FPU_TRAP = {
  EM: 1,
  TS: 2,
  NO_OSFXSR: 4,
  PENDING: 8,
  /** CR0.MP and CR0.TS. */
  WAIT: 16,
} as const;
