/** What handlers ask about the guest of the current VMCS: mode, registers, linear addresses. */
import { EFER } from '../arch/registers.ts';
import { ATTRIBUTE } from '../arch/segments.ts';
import { FIELD, FIELD_STEP } from '../arch/vmcs.ts';
import type { HostCpu } from '../contracts/host-cpu.ts';
import type { PagingRegisters } from './walk/entry.ts';

const HIGH = 0x1_0000_0000;

/** A field as a signed number: exact for canonical addresses. */
export const readSigned = (cpu: HostCpu, field: number): number =>
  (cpu.vmreadHigh(field) | 0) * HIGH + cpu.vmread(field);

/** A field as an unsigned number: exact up to 2^53. */
export const readUnsigned = (cpu: HostCpu, field: number): number =>
  cpu.vmreadHigh(field) * HIGH + cpu.vmread(field);

export const pagingRegisters = (cpu: HostCpu): PagingRegisters => ({
  cr0: cpu.vmread(FIELD.GUEST_CR0) | 0,
  cr3: readUnsigned(cpu, FIELD.GUEST_CR3),
  cr4: cpu.vmread(FIELD.GUEST_CR4) | 0,
  efer: cpu.vmread(FIELD.GUEST_IA32_EFER),
});

/** CPL: the DPL of SS. */
export const guestCpl = (cpu: HostCpu): number => (cpu.vmread(FIELD.GUEST_SS_ACCESS_RIGHTS) >> 5) & 3;

const isLong = (cpu: HostCpu): boolean => (cpu.vmread(FIELD.GUEST_IA32_EFER) & EFER.LMA) !== 0;

/** Size of code in bits. */
export function codeBits(cpu: HostCpu): 16 | 32 | 64 {
  const rights = cpu.vmread(FIELD.GUEST_CS_ACCESS_RIGHTS);
  if (isLong(cpu) && (rights & ATTRIBUTE.L) !== 0) return 64;
  return (rights & ATTRIBUTE.DB) !== 0 ? 32 : 16;
}

/** Base of a segment (ES CS SS DS FS GS by number) as it enters linear addresses. */
function segmentBase(cpu: HostCpu, segment: number, bits: 16 | 32 | 64): number {
  if (bits === 64 && segment < 4) return 0;
  return readSigned(cpu, FIELD.GUEST_ES_BASE + segment * FIELD_STEP);
}

/** Linear address of an offset in a segment. */
export function linearAddress(cpu: HostCpu, segment: number, offset: number): number {
  const bits = codeBits(cpu);
  const sum = segmentBase(cpu, segment, bits) + offset;
  return bits === 64 ? sum : sum % HIGH;
}

/** General register as a number; only its low 32 bits outside 64-bit mode. */
export function readGpr(cpu: HostCpu, n: number, wide: boolean): number {
  if (n === 4) return wide ? readSigned(cpu, FIELD.GUEST_RSP) : cpu.vmread(FIELD.GUEST_RSP);
  const { gprs } = cpu;
  return wide ? (gprs[2 * n + 1] | 0) * HIGH + gprs[2 * n] : gprs[2 * n];
}

/** Writes the low `bytes` bytes of a general register; 4-byte writes clear the upper half. */
export function writeGpr(cpu: HostCpu, n: number, bytes: number, lo: number, hi: number): void {
  const [oldLo, oldHi] =
    n === 4
      ? [cpu.vmread(FIELD.GUEST_RSP), cpu.vmreadHigh(FIELD.GUEST_RSP)]
      : [cpu.gprs[2 * n], cpu.gprs[2 * n + 1]];
  let [newLo, newHi] = [lo, hi];
  if (bytes === 4) newHi = 0;
  if (bytes < 4) {
    const mask = bytes === 2 ? 0xffff : 0xff;
    newLo = (oldLo & ~mask) | (lo & mask);
    newHi = oldHi;
  }
  if (n === 4) {
    cpu.vmwrite(FIELD.GUEST_RSP, newLo, newHi);
  } else {
    cpu.gprs[2 * n] = newLo;
    cpu.gprs[2 * n + 1] = newHi;
  }
}
