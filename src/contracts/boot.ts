/** The processor state that a boot protocol asks for at the entry point. Registers not named are 0. */
export interface BootState {
  /** `real`: CS:IP = `segment`:`rip`; `protected`: 32-bit flat, paging off; `long`: 64-bit with the page tables at `cr3`. */
  readonly mode: 'real' | 'protected' | 'long';
  readonly rip: number;
  /** Real mode only: the value of CS, DS, ES and SS. */
  readonly segment?: number;
  /** Long mode only. */
  readonly cr3?: number;
  readonly gdt?: { readonly base: number; readonly limit: number };
  /** Selectors in the GDT above; 0 where absent. Segments are flat whatever they say. */
  readonly cs?: number;
  readonly ds?: number;
  readonly registers: Partial<Record<'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rbp' | 'rsp', number>>;
}
