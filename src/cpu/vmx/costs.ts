/**
 * Cycles that the processor charges for crossings between guest and host. A round trip of exit and
 * entry took 1009 cycles on Nehalem and between 761 and 3963 on its relatives.
 */
export const VMX_COST = {
  EXIT: 550,
  ENTRY: 450,
  /** VMREAD, VMWRITE. */
  ACCESS: 20,
  /** VMPTRLD, VMCLEAR. */
  POINTER: 100,
} as const;
