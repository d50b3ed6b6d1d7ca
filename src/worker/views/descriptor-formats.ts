/** Descriptors down to their bits. SDM volume 3A, "Segment Descriptors", "IDT Descriptors", "64-Bit Mode IDT". */
import type { FieldFormat } from './bit-fields.ts';
import { systemTypeName } from './segment-texts.ts';
import { typeFormats } from './system-formats.ts';

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const part = (name: string, low: number, high: number, what: string): FieldFormat => ({
  name,
  low,
  high,
  meaning: (value) => `${what} ${hex(value)}`,
});

const PRIVILEGE: readonly FieldFormat[] = [
  { name: 'DPL', low: 45, high: 46, meaning: (value) => `descriptor privilege level ${value}` },
  { name: 'P', low: 47, meaning: ['not present', 'present'] },
];
const TYPE: readonly FieldFormat[] = [
  { name: 'type', low: 40, high: 43, meaning: (value) => systemTypeName(Number(value)) },
  { name: 'S', low: 44, meaning: ['system descriptor', 'code or data'] },
];
const BASE_AND_LIMIT: readonly FieldFormat[] = [
  part('limit 15:0', 0, 15, 'low part'),
  part('base 23:0', 16, 39, 'low part'),
];
const UPPER: readonly FieldFormat[] = [
  part('limit 19:16', 48, 51, 'high part'),
  { name: 'AVL', low: 52, meaning: 'free for software' },
  { name: 'L', low: 53, meaning: ['not 64-bit code', '64-bit code'] },
  { name: 'D/B', low: 54, meaning: ['16-bit', '32-bit'] },
  { name: 'G', low: 55, meaning: ['limit in bytes', 'limit in pages of 4 KiB'] },
  part('base 31:24', 56, 63, 'high part'),
];
const ACCESS_BYTE = 40;

/** Code and data segments. @param attributes as `attributesOf` gives them */
export function segmentFormats(attributes: number): FieldFormat[] {
  const type = typeFormats(attributes).map((format) => ({
    ...format,
    low: format.low + ACCESS_BYTE,
    high: (format.high ?? format.low) + ACCESS_BYTE,
  }));
  return [...BASE_AND_LIMIT, ...type, ...PRIVILEGE, ...UPPER];
}

/** TSS and LDT. @param wide of 16 bytes, as in IA-32e mode */
export function systemFormats(wide: boolean): FieldFormat[] {
  const upper = wide ? [part('base 63:32', 64, 95, 'high part')] : [];
  return [...BASE_AND_LIMIT, ...TYPE, ...PRIVILEGE, ...UPPER, ...upper];
}

/** Gates. @param idt interrupt and trap gates, which have an IST where they are wide */
export function gateFormats(wide: boolean, idt: boolean): FieldFormat[] {
  return [
    part('offset 15:0', 0, 15, 'low part'),
    part('selector', 16, 31, 'code segment'),
    ...(wide && idt
      ? [
          {
            name: 'IST',
            low: 32,
            high: 34,
            meaning: (value: bigint) =>
              value === 0n
                ? 'the stack is switched only for a new privilege level'
                : `stack ${value} of the TSS`,
          },
        ]
      : []),
    ...TYPE,
    ...PRIVILEGE,
    part('offset 31:16', 48, 63, 'middle part'),
    ...(wide ? [part('offset 63:32', 64, 95, 'high part')] : []),
  ];
}

export const IVT_FORMAT: readonly FieldFormat[] = [
  part('offset', 0, 15, 'IP'),
  part('segment', 16, 31, 'CS'),
];
