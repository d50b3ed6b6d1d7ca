/** I/O and MSR permission maps. AMD APM volume 2, "IOIO Intercepts", "MSR Intercepts". */
import { MSRPM } from '../../arch/svm.ts';
import type { PhysicalWords } from '../virtualization/physical.ts';

/** Whether an access to `size` ports from `port` is intercepted: when the bit of one of them is set. */
export function interceptsPort(memory: PhysicalWords, map: number, port: number, size: number): boolean {
  for (let p = port; p < port + size; p++) {
    if (((memory.byte(map + (p >> 3)) >> (p & 7)) & 1) !== 0) return true;
  }
  return false;
}

/** Whether RDMSR or WRMSR of `index` (u32) is; MSRs outside of the three ranges always are. */
export function interceptsMsr(memory: PhysicalWords, map: number, index: number, write: boolean): boolean {
  for (const { first, offset } of MSRPM.RANGES) {
    if (index < first || index >= first + MSRPM.COVERED) continue;
    const bit = 2 * (index - first) + (write ? 1 : 0);
    return ((memory.byte(map + offset + (bit >> 3)) >> (bit & 7)) & 1) !== 0;
  }
  return true;
}
