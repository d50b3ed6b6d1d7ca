/**
 * Code modes: what the decoder and the generated code need to know about CS, SS and the data
 * segments. A decoded record is valid in one code mode only; the mode's number is part of the
 * execute-TLB tags. Legacy protected mode and compatibility mode share the modes 1 to 5.
 */
export const CODE_MODE = {
  /** 64-bit mode. */
  LONG64: 0,
  /**
   * 32-bit code whose ordinary segments need no check: CS, SS, DS and ES have base 0 and limit FFFFFFFFh,
   * CS is readable, the others are writable, SS.B = 1. Accesses through FS, GS and CS are checked.
   */
  FLAT32: 1,
  /** 32-bit code and stack with segment checks. */
  CS32_SS32: 2,
  CS32_SS16: 3,
  /** Also real-address mode and virtual-8086 mode. */
  CS16_SS16: 4,
  CS16_SS32: 5,
} as const;

export type CodeMode = (typeof CODE_MODE)[keyof typeof CODE_MODE];

/** Default operand and address size in bits of each code mode (64-bit mode: 32-bit operands, 64-bit addresses). */
export const CODE_MODE_SIZE: readonly { readonly operand: 16 | 32; readonly address: 16 | 32 | 64 }[] = [
  { operand: 32, address: 64 },
  { operand: 32, address: 32 },
  { operand: 32, address: 32 },
  { operand: 32, address: 32 },
  { operand: 16, address: 16 },
  { operand: 16, address: 16 },
];
