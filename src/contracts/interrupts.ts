/** What a processor asks of its local APIC (or of the PIC, through LINT0). */
export interface InterruptSource {
  /** True when a maskable interrupt would be delivered if RFLAGS.IF were 1. */
  pending(): boolean;
  /** Priority-checks, moves the vector to in-service and returns it; -1 when nothing is deliverable (spurious). */
  acknowledge(): number;
  /** Task priority as CR8 sees it (0..15). */
  cr8: number;
  /** MSR access to IA32_APIC_BASE (1Bh), IA32_TSC_DEADLINE (6E0h) and the x2APIC range (800h..8FFh).
   * `undefined` / `false` mean that the access is to raise #GP(0). */
  readMsr(index: number): { lo: number; hi: number } | undefined;
  writeMsr(index: number, lo: number, hi: number): boolean;
}

/** What a local APIC asks of its processor. */
export interface InterruptTarget {
  /** The answer of `pending()` may have changed from false to true: stop at the next instruction boundary and look. */
  interruptRequested(): void;
  nmi(): void;
  init(): void;
  /** Start-up IPI with its vector (page number of the real-mode entry point). */
  startup(vector: number): void;
}
