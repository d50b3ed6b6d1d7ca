/** Stack pointers out of the task-state segment. SDM volume 3A, "Task-State Segment (TSS)", "64-Bit Task State Segment". */
import { SEG, VECTOR } from '../../arch/registers.ts';
import { isCanonical, signedNumber } from '../number64.ts';
import type { SystemContext } from './context.ts';
import { systemAddress } from './descriptor.ts';
import { extBit, failed, selectorError } from './fault.ts';

/** True when TR holds a 32-bit TSS, false for a 16-bit one. */
export const isTss32 = (c: SystemContext): boolean => (c.regs.attributes(SEG.TR) & 8) !== 0;

/** SSn:ESPn for privilege level `cpl`; undefined with #TS(TR) or a page fault stored. */
export function innerStackPointer(
  c: SystemContext,
  cpl: number,
): { selector: number; sp: number } | undefined {
  const { regs, memory } = c;
  const wide = isTss32(c);
  const offset = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
  if (offset + (wide ? 5 : 3) > regs.limit(SEG.TR)) return tooShort(c);
  const at = regs.segmentBase(SEG.TR) + offset;
  const size = wide ? 4 : 2;
  if (!memory.read(at >>> 0, size, true)) return undefined;
  const sp = memory.lo;
  if (!memory.read((at + size) >>> 0, 2, true)) return undefined;
  return { selector: memory.lo, sp };
}

/** RSP of interrupt stack `ist` (1..7), or RSPn of level `cpl` when `ist` is 0; canonical, or undefined after a fault. */
export function wideStackPointer(c: SystemContext, ist: number, cpl: number): number | undefined {
  const { regs, memory } = c;
  const offset = ist !== 0 ? 28 + 8 * ist : 4 + 8 * cpl;
  if (offset + 7 > regs.limit(SEG.TR)) return tooShort(c);
  const at = systemAddress(regs, regs.segmentBase(SEG.TR) + offset);
  if (at === undefined) return tooShort(c);
  if (!memory.read(at, 8, true)) return undefined;
  const sp = signedNumber(memory.lo, memory.hi);
  if (isCanonical(sp)) return sp;
  failed(c, VECTOR.SS, extBit(c));
  return undefined;
}

function tooShort(c: SystemContext): undefined {
  failed(c, VECTOR.TS, selectorError(c, c.regs.selector(SEG.TR)));
  return undefined;
}
