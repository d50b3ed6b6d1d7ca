/** Register numbers and flag bits. SDM volume 1, "Basic Program Execution Environment". */

export const GPR = {
  RAX: 0,
  RCX: 1,
  RDX: 2,
  RBX: 3,
  RSP: 4,
  RBP: 5,
  RSI: 6,
  RDI: 7,
  R8: 8,
  R9: 9,
  R10: 10,
  R11: 11,
  R12: 12,
  R13: 13,
  R14: 14,
  R15: 15,
} as const;

/** Segment registers in the order of the ModRM.reg encoding, then the system segments. */
export const SEG = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5, LDTR: 6, TR: 7 } as const;

/** RFLAGS bits. */
export const FLAG = {
  CF: 1 << 0,
  PF: 1 << 2,
  AF: 1 << 4,
  ZF: 1 << 6,
  SF: 1 << 7,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  OF: 1 << 11,
  IOPL: 3 << 12,
  NT: 1 << 14,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  VIF: 1 << 19,
  VIP: 1 << 20,
  ID: 1 << 21,
} as const;

/** The six flags that arithmetic instructions write. */
export const STATUS_FLAGS = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.OF;

/** Exception vectors. SDM volume 3A, "Interrupt and Exception Handling". */
export const VECTOR = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
  VE: 20,
} as const;

/** A set of exceptions: bit n is vector n. */
export const setOfVectors = (...vectors: readonly number[]): number =>
  vectors.reduce((set, vector) => set | (1 << vector), 0);

/** Fault-class exceptions: they push RF = 1, so that the restarted instruction does not hit its breakpoint again. */
export const FAULTS = setOfVectors(
  VECTOR.DE,
  VECTOR.BR,
  VECTOR.UD,
  VECTOR.NM,
  VECTOR.TS,
  VECTOR.NP,
  VECTOR.SS,
  VECTOR.GP,
  VECTOR.PF,
  VECTOR.MF,
  VECTOR.AC,
  VECTOR.XM,
  VECTOR.VE,
);

/** Control register bits. SDM volume 3A, "Control Registers". */
export const CR0 = {
  PE: 1,
  MP: 1 << 1,
  EM: 1 << 2,
  TS: 1 << 3,
  ET: 1 << 4,
  NE: 1 << 5,
  WP: 1 << 16,
  AM: 1 << 18,
  NW: 1 << 29,
  CD: 1 << 30,
  PG: 1 << 31,
} as const;

export const CR4 = {
  VME: 1,
  PVI: 1 << 1,
  TSD: 1 << 2,
  DE: 1 << 3,
  PSE: 1 << 4,
  PAE: 1 << 5,
  MCE: 1 << 6,
  PGE: 1 << 7,
  PCE: 1 << 8,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
  UMIP: 1 << 11,
  VMXE: 1 << 13,
  FSGSBASE: 1 << 16,
  PCIDE: 1 << 17,
  OSXSAVE: 1 << 18,
  SMEP: 1 << 20,
  SMAP: 1 << 21,
} as const;

export const EFER = {
  SCE: 1,
  LME: 1 << 8,
  LMA: 1 << 10,
  NXE: 1 << 11,
  SVME: 1 << 12,
  FFXSR: 1 << 14,
} as const;
