/** I/O and MSR bitmaps. SDM volume 3C, "I/O-Bitmap Addresses", "MSR-Bitmap Address". */
import { FIELD } from '../../arch/vmcs.ts';
import { MSR_BITMAP, PRIMARY } from '../../arch/vmx.ts';
import type { Vmx } from './vmx.ts';

/** Whether an access to `size` ports from `port` causes a VM exit. */
export function ioExits(vmx: Vmx, port: number, size: number): boolean {
  const { primary } = vmx.checks;
  if ((primary & PRIMARY.IO_BITMAPS) === 0) return (primary & PRIMARY.UNCONDITIONAL_IO_EXITING) !== 0;
  // An access that wraps around the end of the port space always exits.
  if (port + size > 0x1_0000) return true;
  for (let p = port; p < port + size; p++) {
    const page = vmx.vmcs.number(p < 0x8000 ? FIELD.IO_BITMAP_A : FIELD.IO_BITMAP_B);
    if ((vmx.physical.byte(page + ((p & 0x7fff) >> 3)) >> (p & 7)) & 1) return true;
  }
  return false;
}

const HIGH_MSRS = 0xc000_0000;
const COVERED = 0x2000;

/** Whether RDMSR or WRMSR of `index` (u32) causes a VM exit. */
export function msrExits(vmx: Vmx, index: number, write: boolean): boolean {
  if ((vmx.checks.primary & PRIMARY.MSR_BITMAPS) === 0) return true;
  const high = index >= HIGH_MSRS;
  const bit = high ? index - HIGH_MSRS : index;
  if (bit >= COVERED) return true;
  const offset = write
    ? high
      ? MSR_BITMAP.WRITE_HIGH
      : MSR_BITMAP.WRITE_LOW
    : high
      ? MSR_BITMAP.READ_HIGH
      : MSR_BITMAP.READ_LOW;
  return (
    ((vmx.physical.byte(vmx.vmcs.number(FIELD.MSR_BITMAP) + offset + (bit >> 3)) >> (bit & 7)) & 1) !== 0
  );
}
