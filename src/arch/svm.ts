/** AMD-V (SVM): MSRs and what the fields of a VMCB hold. AMD APM volume 2, chapter "Secure Virtual Machine". */

export const SVM_MSR = { VM_CR: 0xc001_0114, VM_HSAVE_PA: 0xc001_0117 } as const;

/** VM_CR. The bits that are not named (debug port, INIT redirection, A20) cannot be set here. */
export const VM_CR = {
  /** SVMDIS and LOCK itself cannot change any more. */
  LOCK: 1 << 3,
  /** EFER.SVME cannot be set. */
  SVMDIS: 1 << 4,
} as const;

/** Address-space identifiers, CPUID 8000_000A EBX: 0 is the host's. */
export const ASIDS = 64;

export const TLB_CONTROL = { NOTHING: 0, FLUSH_ALL: 1, FLUSH_GUEST: 3, FLUSH_GUEST_NONGLOBAL: 7 } as const;

export const V_INTR = {
  TPR: 0xf,
  /** A virtual interrupt is pending. */
  IRQ: 1 << 8,
  PRIORITY_SHIFT: 16,
  IGNORE_TPR: 1 << 20,
  /** RFLAGS.IF and CR8 of the guest are for virtual interrupts only. */
  MASKING: 1 << 24,
} as const;

/** EVENTINJ and EXITINTINFO: bits 7:0 vector, 10:8 type, 63:32 error code. */
export const EVENT = {
  VECTOR: 0xff,
  TYPE_SHIFT: 8,
  TYPE_MASK: 7,
  ERROR_CODE_VALID: 1 << 11,
  VALID: 1 << 31,
  TYPE: { INTERRUPT: 0, NMI: 2, EXCEPTION: 3, SOFTWARE_INTERRUPT: 4 },
} as const;

/** EXITINFO1 of IOIO; bits 31:16 are the port. */
export const IOIO = {
  IN: 1 << 0,
  STRING: 1 << 2,
  REP: 1 << 3,
  /** Shifted left by log2 of the bytes. */
  SIZE_8: 1 << 4,
  ADDRESS_16: 1 << 7,
  ADDRESS_32: 1 << 8,
  ADDRESS_64: 1 << 9,
  SEGMENT_SHIFT: 10,
  PORT_SHIFT: 16,
} as const;

/** EXITINFO1 of a nested page fault: the error code, and in the high half which access of the walk it was. */
export const NPF = {
  PRESENT: 1 << 0,
  WRITE: 1 << 1,
  USER: 1 << 2,
  RESERVED: 1 << 3,
  FETCH: 1 << 4,
  /** Bits 32 and 33. */
  HIGH: { FINAL: 1 << 0, TABLE: 1 << 1 },
} as const;

/** EXITINFO2 of a task switch: bits 31:0 error code; these are bits of the high half (36, 38, 44, 48). */
export const TASK_SWITCH_HIGH = { IRET: 1 << 4, JUMP: 1 << 6, ERROR_CODE: 1 << 12, RF: 1 << 16 } as const;

/** Places of three ranges of MSRs in the MSR permission map: two bits an MSR, read and write. */
export const MSRPM = {
  SIZE: 0x2000,
  RANGES: [
    { first: 0, offset: 0 },
    { first: 0xc000_0000, offset: 0x800 },
    { first: 0xc001_0000, offset: 0x1000 },
  ],
  COVERED: 0x2000,
} as const;

/** The I/O permission map has a bit a port, and some for accesses that reach beyond port FFFFh. */
export const IOPM_SIZE = 0x3000;
