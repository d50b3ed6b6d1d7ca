/**
 * The worlds that random programs run in: mode, privilege, segments, paging and where the program's
 * window of 64 KiB lies. The image that makes them is in lockstep-image.ts.
 *
 *   window offset   0000 - 1FFF  code             A000  supervisor's page
 *                   2000 - 7FFF  data             B000  the same page as 3000
 *                   8000         not present      C000 - DFFF  stack
 *                   9000         read-only        E000  the same page as 0000      F000  device
 *
 * Without paging all of it is plain memory.
 */

export const WINDOW = {
  SIZE: 0x1_0000,
  CODE: 0,
  CODE_SIZE: 0x2000,
  DATA: 0x2000,
  DATA_END: 0x8000,
  ABSENT: 0x8000,
  READ_ONLY: 0x9000,
  SUPERVISOR: 0xa000,
  /** The data page at 3000 again. */
  ALIAS: 0xb000,
  STACK: 0xc000,
  STACK_END: 0xe000,
  /** The first page of code again. */
  CODE_ALIAS: 0xe000,
  DEVICE: 0xf000,
} as const;

export interface Setting {
  readonly name: string;
  /** Size of the code segment. */
  readonly bits: 16 | 32 | 64;
  readonly cpl: 0 | 3;
  readonly kind: 'long' | 'protected' | 'real' | 'virtual-8086';
  readonly paging: 'none' | '32-bit' | 'pae' | '4-level';
  /** Linear addresses that the window may have. */
  readonly windows: readonly number[];
  /** True: segments begin at the window. False: at 0, with no limit. */
  readonly segmented: boolean;
  /** Size of the stack segment, where it is not that of the code. */
  readonly stackBits?: 16 | 32;
  /** Of segments that begin at the window; all of it when absent. */
  readonly limit?: number;
}

const LOW = 0x1_0000;
/** Ends at 4 GiB. */
const TOP_32 = 0xffff_0000;
/** Has the 2 GiB boundary among its data. */
const MIDDLE_32 = 0x7fff_a000;
/** Has the 4 GiB boundary among its data. */
const ACROSS_32 = 0xffff_a000;
const HIGH = -0x7fff_ffff_0000;
const LAST_USER = 0x7fff_ffff_0000;

const long = (
  name: string,
  bits: 16 | 32 | 64,
  cpl: 0 | 3,
  windows: readonly number[],
  more: Partial<Setting> = {},
): Setting => ({ name, bits, cpl, windows, kind: 'long', paging: '4-level', segmented: false, ...more });

const legacy = (
  name: string,
  bits: 16 | 32,
  cpl: 0 | 3,
  paging: Setting['paging'],
  more: Partial<Setting> = {},
): Setting => ({
  name,
  bits,
  cpl,
  paging,
  windows: paging === 'none' ? [LOW] : [LOW, TOP_32, MIDDLE_32],
  kind: 'protected',
  segmented: bits === 16,
  ...more,
});

/** 64-bit and flat 32-bit code stand several times: most programs are of that kind. */
export const SETTINGS: readonly Setting[] = [
  long('64-bit, CPL 3', 64, 3, [LOW, ACROSS_32, LAST_USER]),
  long('64-bit, CPL 3', 64, 3, [LOW, ACROSS_32, LAST_USER]),
  long('64-bit, CPL 0', 64, 0, [LOW, ACROSS_32, HIGH]),
  long('64-bit, CPL 0', 64, 0, [LOW, ACROSS_32, HIGH]),
  long('compatibility mode, flat', 32, 3, [LOW, TOP_32, MIDDLE_32]),
  long('compatibility mode, segments', 32, 3, [LOW, MIDDLE_32], { segmented: true, limit: 0xdfff }),
  long('compatibility mode, 16-bit', 16, 3, [LOW, TOP_32], { segmented: true }),
  legacy('32-bit, flat, CPL 3', 32, 3, '32-bit'),
  legacy('32-bit, flat, CPL 0', 32, 0, '32-bit'),
  legacy('32-bit, flat, PAE, CPL 3', 32, 3, 'pae'),
  legacy('32-bit, flat, no paging, CPL 0', 32, 0, 'none'),
  legacy('32-bit, segments, CPL 3', 32, 3, '32-bit', { segmented: true, limit: 0xefff }),
  legacy('32-bit, segments, CPL 0', 32, 0, 'none', { segmented: true, limit: 0xdfff }),
  legacy('32-bit, 16-bit stack', 32, 3, 'pae', { segmented: true, stackBits: 16 }),
  legacy('16-bit protected, CPL 3', 16, 3, '32-bit'),
  legacy('16-bit protected, CPL 0', 16, 0, 'none'),
  legacy('16-bit protected, 32-bit stack', 16, 3, '32-bit', { stackBits: 32 }),
  legacy('real mode', 16, 0, 'none', { kind: 'real' }),
  legacy('virtual-8086 mode', 16, 3, '32-bit', { kind: 'virtual-8086', windows: [LOW] }),
];

/** Offset in the segments where the window begins. */
export const originOf = (setting: Setting, window: number): number => (setting.segmented ? 0 : window);
