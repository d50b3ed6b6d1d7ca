/** MSRs that debuggers show: what they are for, and which values WRMSR refuses. SDM volume 4, "Architectural MSRs". */
import { MSR } from './msr.ts';

export interface NamedMsr {
  readonly index: number;
  /** In lower case, as the panel shows it. */
  readonly name: string;
  readonly meaning: string;
  /** What WRMSR refuses; `read-only`: everything. */
  readonly rule: 'any' | 'canonical' | '32-bit' | 'memory-types' | 'read-only';
}

const row = (name: keyof typeof MSR, rule: NamedMsr['rule'], meaning: string): NamedMsr => ({
  index: MSR[name],
  name: name.toLowerCase(),
  meaning,
  rule,
});

export const NAMED_MSRS: readonly NamedMsr[] = [
  row('IA32_STAR', 'any', 'selectors that SYSCALL (47:32) and SYSRET (63:48) load'),
  row('IA32_LSTAR', 'canonical', 'where SYSCALL goes in 64-bit mode'),
  row('IA32_CSTAR', 'canonical', 'where SYSCALL would go in compatibility mode'),
  row('IA32_FMASK', '32-bit', 'RFLAGS bits that SYSCALL clears'),
  row('IA32_KERNEL_GS_BASE', 'canonical', 'what SWAPGS exchanges with the base of GS'),
  row('IA32_SYSENTER_CS', '32-bit', 'code selector of SYSENTER'),
  row('IA32_SYSENTER_ESP', 'canonical', 'stack pointer of SYSENTER'),
  row('IA32_SYSENTER_EIP', 'canonical', 'where SYSENTER goes'),
  row('IA32_TSC_AUX', '32-bit', 'what RDTSCP returns in ECX'),
  row('IA32_PAT', 'memory-types', 'eight memory types that page-table entries choose from'),
  row(
    'IA32_APIC_BASE',
    'read-only',
    'address of the local APIC; bit 11: enabled, bit 10: x2APIC, bit 8: bootstrap',
  ),
  row('IA32_TIME_STAMP_COUNTER', 'read-only', 'cycles'),
];

const HIGH32 = 0xffff_ffffn << 32n;
/** UC WC WT WP WB UC-. */
const MEMORY_TYPES: readonly bigint[] = [0n, 1n, 4n, 5n, 6n, 7n];

/** Why WRMSR would raise #GP(0) for this value; undefined where it does not. */
export function refusedValue({ name, rule }: NamedMsr, value: bigint): string | undefined {
  switch (rule) {
    case 'any':
      return undefined;
    case 'read-only':
      return `${name} cannot be written here: it belongs to a device or to time.`;
    case 'canonical':
      return BigInt.asUintN(64, BigInt.asIntN(48, value)) === value
        ? undefined
        : `${name} takes canonical addresses only: bits 63:47 have to be equal.`;
    case '32-bit':
      return (value & HIGH32) === 0n ? undefined : `${name} has 32 bits: the upper half has to be 0.`;
    case 'memory-types':
      for (let shift = 0n; shift < 64n; shift += 8n) {
        const type = (value >> shift) & 0xffn;
        if (!MEMORY_TYPES.includes(type))
          return `${name}: ${type} in bits ${shift + 7n}:${shift} is no memory type.`;
      }
      return undefined;
  }
}
