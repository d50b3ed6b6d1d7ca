/**
 * The hypercall interface of Ringlab's own hypervisor: what a guest and the hypervisor agree on.
 *
 * A guest finds it by CPUID leaf 40000000h, whose EBX:ECX:EDX spell `RinglabHV`; EAX is the highest
 * leaf. Leaf 40000001h EAX is the interface version; EBX has bit n set when hypercall n exists. Leaf
 * 40000010h EAX is the frequency of the time-stamp counter in kHz.
 *
 * Entered by VMCALL at CPL 0. RAX: number; arguments RDI, RSI, RDX, R10, R8; result in RAX, negative
 * (`HYPERCALL_ERROR`) when refused. No other register changes. Pointers are guest-physical.
 */

export const HYPERVISOR_LEAF = {
  SIGNATURE: 0x4000_0000,
  FEATURES: 0x4000_0001,
  FREQUENCY: 0x4000_0010,
} as const;

/** Twelve bytes, zero-padded. */
export const HYPERVISOR_SIGNATURE = 'RinglabHV\0\0\0';

export const HYPERCALL_VERSION = 1;

export const HYPERCALL = {
  /** () -> version. */
  VERSION: 0,
  /** (address, bytes) -> bytes written to the console. */
  CONSOLE_WRITE: 1,
  /** () -> 0 after other virtual CPUs had a chance to run. */
  YIELD: 2,
  /** (instant in ns of READ_CLOCK, vector) -> 0; vector is delivered once at that instant; instant 0 cancels. */
  SET_TIMER: 3,
  /** () -> nanoseconds since the VM was started, without the time it was paused. */
  READ_CLOCK: 4,
  /** (address of a list of u64 page frame numbers, count, 0 give back | 1 take again) -> pages done. */
  BALLOON: 5,
  /** (address of entries, count) -> entries executed. */
  MULTICALL: 6,
  /** (address, bytes) -> bytes read from the console, 0 when there is no input. */
  CONSOLE_READ: 7,
} as const;

/** One entry of a multicall in memory: u64 number, u64 arguments x 5, u64 result, u64 reserved. */
export const MULTICALL_ENTRY = { NUMBER: 0, ARGUMENTS: 8, RESULT: 48, SIZE: 64 } as const;

export const HYPERCALL_LIMITS = {
  /** Bytes of one console transfer. */
  CONSOLE_BYTES: 4096,
  BALLOON_PAGES: 512,
  MULTICALL_ENTRIES: 64,
} as const;

/** Negative results. */
export const HYPERCALL_ERROR = {
  /** No hypercall has this number. */
  UNKNOWN_NUMBER: -1,
  /** The caller's CPL was not 0. */
  NOT_PERMITTED: -2,
  /** A pointer leads outside the guest's RAM or is misaligned. */
  BAD_ADDRESS: -3,
  /** A count or length is beyond its limit. */
  BAD_LENGTH: -4,
  /** Another argument makes no sense. */
  BAD_ARGUMENT: -5,
  /** No host memory is left. */
  NO_MEMORY: -6,
} as const;
