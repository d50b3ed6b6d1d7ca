/** Cycles that the processor charges; VMRUN and its #VMEXIT took about 1350 together on AMD's processors. */
export const SVM_COST = {
  ENTRY: 600,
  EXIT: 750,
  /** VMLOAD, VMSAVE. */
  STATE: 100,
  /** STGI, CLGI. */
  FLAG: 30,
} as const;
