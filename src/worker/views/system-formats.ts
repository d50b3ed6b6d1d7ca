/** Bits of access rights, selectors, debug registers and MSRs, for people. SDM volume 3A and 3B. */
import { ATTRIBUTE } from '../../arch/segments.ts';
import type { FieldFormat } from './bit-fields.ts';
import { systemTypeName } from './segment-texts.ts';

export const SELECTOR_FORMAT: readonly FieldFormat[] = [
  { name: 'RPL', low: 0, high: 1, meaning: (value) => `requested privilege level ${value}` },
  { name: 'TI', low: 2, meaning: ['in the GDT', 'in the LDT'] },
  { name: 'index', low: 3, high: 15, meaning: (value) => `entry ${value} of the table` },
];

const PRIVILEGE: readonly FieldFormat[] = [
  { name: 'DPL', low: 5, high: 6, meaning: (value) => `descriptor privilege level ${value}` },
  { name: 'P', low: 7, meaning: ['not present', 'present'] },
];

const SIZE: readonly FieldFormat[] = [
  { name: 'AVL', low: 12, meaning: 'free for software' },
  { name: 'L', low: 13, meaning: ['not 64-bit code', '64-bit code'] },
  { name: 'D/B', low: 14, meaning: ['16-bit', '32-bit'] },
  { name: 'G', low: 15, meaning: ['limit in bytes', 'limit in pages of 4 KiB'] },
];

const CODE: readonly FieldFormat[] = [
  { name: 'A', low: 0, meaning: ['not accessed yet', 'has been accessed'] },
  { name: 'R', low: 1, meaning: ['execute only', 'may be read'] },
  {
    name: 'C',
    low: 2,
    meaning: ['only at its own privilege level', 'conforming: runs at the CPL of the caller'],
  },
];

const DATA: readonly FieldFormat[] = [
  { name: 'A', low: 0, meaning: ['not accessed yet', 'has been accessed'] },
  { name: 'W', low: 1, meaning: ['read-only', 'may be written'] },
  { name: 'E', low: 2, meaning: ['grows upwards', 'expand down: valid above the limit'] },
];

/** Access rights of a loaded segment, in the layout of the VMCS field. */
export function accessRightsFormats(attributes: number): FieldFormat[] {
  return [
    ...typeFormats(attributes),
    ...PRIVILEGE,
    ...SIZE,
    { name: 'unusable', low: 16, meaning: ['can be used', 'loaded with a null selector'] },
  ];
}

/** Type and S of access rights. */
export function typeFormats(attributes: number): FieldFormat[] {
  if (!(attributes & ATTRIBUTE.S))
    return [
      { name: 'type', low: 0, high: 3, meaning: (value) => systemTypeName(Number(value)) },
      { name: 'S', low: 4, meaning: ['system descriptor', 'code or data'] },
    ];
  return [
    ...(attributes & ATTRIBUTE.CODE ? CODE : DATA),
    { name: 'code', low: 3, meaning: ['data', 'code'] },
    { name: 'S', low: 4, meaning: ['system descriptor', 'code or data'] },
  ];
}

const CONDITIONS = ['execution', 'writes', 'port accesses', 'reads and writes'] as const;
const LENGTHS = [1, 2, 8, 4] as const;

const breakpoint = (n: number): FieldFormat[] => [
  {
    name: `L${n}`,
    low: 2 * n,
    meaning: [`breakpoint ${n} is off for this task`, `breakpoint ${n} is on for this task`],
  },
  {
    name: `G${n}`,
    low: 2 * n + 1,
    meaning: [`breakpoint ${n} is not global`, `breakpoint ${n} is on for all tasks`],
  },
];
const condition = (n: number): FieldFormat[] => [
  {
    name: `R/W${n}`,
    low: 16 + 4 * n,
    high: 17 + 4 * n,
    meaning: (value) => `breakpoint ${n} is for ${CONDITIONS[Number(value)]}`,
  },
  {
    name: `LEN${n}`,
    low: 18 + 4 * n,
    high: 19 + 4 * n,
    meaning: (value) => `breakpoint ${n} has ${LENGTHS[Number(value)]} bytes`,
  },
];

export const DR6_FORMAT: readonly FieldFormat[] = [
  ...[0, 1, 2, 3].map((n): FieldFormat => ({ name: `B${n}`, low: n, meaning: `breakpoint ${n} was met` })),
  { name: 'BD', low: 13, meaning: 'a debug register was about to be accessed' },
  { name: 'BS', low: 14, meaning: 'single step' },
  { name: 'BT', low: 15, meaning: 'task switch' },
];

export const DR7_FORMAT: readonly FieldFormat[] = [
  ...[0, 1, 2, 3].flatMap(breakpoint),
  { name: 'LE', low: 8, meaning: 'exact data breakpoints, of this task' },
  { name: 'GE', low: 9, meaning: 'exact data breakpoints' },
  { name: 'GD', low: 13, meaning: 'accesses to debug registers raise #DB' },
  ...[0, 1, 2, 3].flatMap(condition),
];

const MEMORY_TYPES: Readonly<Record<string, string>> = {
  0: 'UC',
  1: 'WC',
  4: 'WT',
  5: 'WP',
  6: 'WB',
  7: 'UC-',
};

const selectorField = (name: string, low: number, meaning: string): FieldFormat => ({
  name,
  low,
  high: low + 15,
  meaning: (value) => `${meaning}: 0x${value.toString(16)}`,
});

/** By the name of the MSR. */
export const MSR_FORMATS: Readonly<Record<string, readonly FieldFormat[]>> = {
  ia32_star: [
    selectorField('SYSCALL', 32, 'CS of SYSCALL, SS 8 above'),
    selectorField('SYSRET', 48, 'base of CS and SS of SYSRET'),
  ],
  ia32_apic_base: [
    { name: 'BSP', low: 8, meaning: ['another processor started first', 'the bootstrap processor'] },
    { name: 'EXTD', low: 10, meaning: ['xAPIC: registers in memory', 'x2APIC: registers are MSRs'] },
    { name: 'EN', low: 11, meaning: ['off', 'on'] },
    { name: 'base', low: 12, high: 51, meaning: (value) => `registers at 0x${(value << 12n).toString(16)}` },
  ],
  ia32_pat: Array.from(
    { length: 8 },
    (_, n): FieldFormat => ({
      name: `PA${n}`,
      low: 8 * n,
      high: 8 * n + 2,
      meaning: (value) => MEMORY_TYPES[String(value)] ?? 'reserved',
    }),
  ),
};
