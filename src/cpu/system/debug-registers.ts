/** Bits of DR6 and DR7. SDM volume 3B, "Debug Registers". */
export const DR6 = {
  /** Breakpoint conditions detected. */
  B: 0xf,
  /** Debug register access detected. */
  BD: 1 << 13,
  /** Single step. */
  BS: 1 << 14,
  /** Task switch. */
  BT: 1 << 15,
  /** Bits that always read as 1 (bit 16 included: no RTM). */
  FIXED: 0xffff_0ff0,
} as const;

export const DR7 = {
  /** L0, G0, .. L3, G3. */
  ENABLES: 0xff,
  /** L0-L3 and LE: cleared by a task switch. */
  LOCAL: 0x155,
  /** General detect. */
  GD: 1 << 13,
  /** Bit 10 always reads as 1. */
  FIXED_1: 1 << 10,
  /** Bits 11, 12, 14 and 15 always read as 0. */
  FIXED_0: 0xd800,
} as const;
