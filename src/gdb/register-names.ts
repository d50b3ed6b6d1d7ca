import type { GPR } from '../arch/registers.ts';

type Lower<T extends string> = Lowercase<T>;

/** RAX to R15. */
export type GeneralName = Lower<keyof typeof GPR>;

export const SELECTOR_NAMES = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'] as const;
export type SelectorName = (typeof SELECTOR_NAMES)[number];

/** x87 control registers as gdb names them; the instruction and data pointers are fiseg:fioff and foseg:fooff. */
export const X87_NAMES = ['fctrl', 'fstat', 'ftag', 'fiseg', 'fioff', 'foseg', 'fooff', 'fop'] as const;
export type X87Name = (typeof X87_NAMES)[number];

/** Control registers and what else makes the mode. */
export const CONTROL_NAMES = ['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer'] as const;
export type ControlName = (typeof CONTROL_NAMES)[number];

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/**
 * Registers of a debuggee. `rip` is the linear address of the next instruction, the base of CS included: gdb knows
 * one address space. The `_base` of a segment is what the processor adds to an offset.
 */
export type RegisterName =
  | GeneralName
  | SelectorName
  | X87Name
  | ControlName
  | 'rip'
  | 'eflags'
  | 'mxcsr'
  | `${SelectorName}_base`
  | 'k_gs_base'
  | `st${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`
  | `xmm${Digit | 10 | 11 | 12 | 13 | 14 | 15}`;
