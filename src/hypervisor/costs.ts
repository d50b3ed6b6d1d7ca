/**
 * Cycles that the hypervisor's own code takes, beside the crossing that the processor charges (about
 * 1000 for exit and entry: 1009 measured on Nehalem, 784 on Sandy Bridge, 3963 on Prescott).
 *
 * No measurement of a comparable hypervisor's handlers is at hand; these are estimates from the work
 * they do, so that their ratios are plausible: a port access in user-visible devices costs several
 * times a CPUID. The published single-level cost of a CPUID exit, 2,600 cycles in all (Ben-Yehuda et al.,
 * "The Turtles Project", OSDI 2010), bounds the cheapest handler from above.
 */
export const COST = {
  /** Saving and restoring registers in the exit stub, dispatch. */
  STUB: 200,
  CPUID: 300,
  IO: 800,
  MSR: 400,
  CONTROL_REGISTER: 500,
  /** Finding a frame, clearing it, entering it, for each page. */
  BACK_PAGE: 900,
  /** Fetching, decoding and emulating an instruction, with the access. */
  EMULATION: 2000,
  INTERRUPT: 300,
  INJECTION: 200,
  HALT: 300,
  HYPERCALL: 200,
  /** Per byte copied from or to guest memory. */
  BYTE: 0.25,
  /** Switching a physical CPU from one virtual CPU to another: VMPTRLD, x87/SSE state, MSRs. */
  SWITCH: 1200,
} as const;
