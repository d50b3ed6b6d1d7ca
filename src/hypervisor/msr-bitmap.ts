/** The MSR bitmap of a VM: which MSRs the guest reads and writes without a VM exit. */
import { MSR_BITMAP } from '../arch/vmx.ts';
import { SWITCHED_MSRS } from './vcpu.ts';

const TSC = 0x10;
const SYSENTER = [0x174, 0x175, 0x176];
const PAT = 0x277;
const EFER = 0xc000_0080;
const FS_BASE = 0xc000_0100;
const GS_BASE = 0xc000_0101;

/**
 * Passed through: those that the VMCS holds for the guest (SYSENTER, PAT, EFER, FS and GS base) and
 * those that are switched with the virtual CPU; the TSC for reading, where the offset applies.
 */
const BOTH = [...SYSENTER, PAT, EFER, FS_BASE, GS_BASE, ...SWITCHED_MSRS];

/** Content of the page: 1 exits. */
export function msrBitmap(): Uint8Array {
  const page = new Uint8Array(0x1000).fill(0xff);
  const pass = (index: number, low: number, high: number): void => {
    const bit = index & 0x1fff;
    page[(index >= 0xc000_0000 ? high : low) + (bit >> 3)] &= ~(1 << (bit & 7));
  };
  for (const index of [...BOTH, TSC]) pass(index, MSR_BITMAP.READ_LOW, MSR_BITMAP.READ_HIGH);
  for (const index of BOTH) pass(index, MSR_BITMAP.WRITE_LOW, MSR_BITMAP.WRITE_HIGH);
  return page;
}
