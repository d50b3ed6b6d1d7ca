/** Checks that far transfers share: target code segments and instruction pointers, and the final change of CS. */
import { SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE, SELECTOR } from '../../arch/segments.ts';
import { isCanonical } from '../number64.ts';
import type { Registers } from '../registers.ts';
import type { SystemContext } from './context.ts';
import { type Descriptor, readDescriptor } from './descriptor.ts';
import { failed, selectorError } from './fault.ts';
import { isLongMode, refreshTransfer, segmentation } from './mode.ts';

/** CS.L = CS.D = 1 is reserved in IA-32e mode. */
const hasValidSize = (c: SystemContext, d: Descriptor): boolean =>
  !isLongMode(c.regs) || (d.attributes & (ATTRIBUTE.L | ATTRIBUTE.DB)) !== (ATTRIBUTE.L | ATTRIBUTE.DB);

/** #GP(selector) unless `valid`, #NP(selector) unless present. */
export function isUsable(c: SystemContext, d: Descriptor, valid: boolean): boolean {
  if (!valid || !hasValidSize(c, d)) return failed(c, VECTOR.GP, selectorError(c, d.selector));
  return d.present || failed(c, VECTOR.NP, selectorError(c, d.selector));
}

/** Target of a direct far JMP or CALL: conforming code of at most CPL, or nonconforming code of CPL itself. */
export function isDirectTarget(c: SystemContext, d: Descriptor): boolean {
  const { cpl } = c.regs;
  const rpl = d.selector & SELECTOR.RPL;
  return isUsable(c, d, d.isCode && (d.isConforming ? d.dpl <= cpl : rpl <= cpl && d.dpl === cpl));
}

/** The code segment that RET or IRET goes back to; undefined after a fault. */
export function returnSegment(c: SystemContext, selector: number): Descriptor | undefined {
  if ((selector & 0xfffc) === 0) {
    failed(c, VECTOR.GP, 0);
    return undefined;
  }
  const d = readDescriptor(c, selector, VECTOR.GP);
  if (!d) return undefined;
  const rpl = selector & SELECTOR.RPL;
  const privileged = rpl >= c.regs.cpl && (d.isConforming ? d.dpl <= rpl : d.dpl === rpl);
  return isUsable(c, d, d.isCode && privileged) ? d : undefined;
}

/** True when `d` is a 64-bit code segment. */
export const isWide = (c: SystemContext, d: Descriptor): boolean =>
  isLongMode(c.regs) && (d.attributes & ATTRIBUTE.L) !== 0;

/** #GP(0) unless `ip` is canonical (64-bit code) or within the segment's limit. */
export function isTargetIp(c: SystemContext, d: Descriptor, ip: number): boolean {
  const valid = isWide(c, d) ? isCanonical(ip) : ip >= 0 && ip <= d.limit;
  return valid || failed(c, VECTOR.GP, 0);
}

/** Loads CS with RPL = `cpl`, CPL and RIP; the last step of a transfer within protected mode, after SS. */
export function enterCode(r: Registers, d: Descriptor, cpl: number, ip: number): void {
  const before = segmentation(r);
  r.setSegment(SEG.CS, d.segment((d.selector & ~SELECTOR.RPL) | cpl));
  r.cpl = cpl;
  r.rip = ip;
  refreshTransfer(r, before);
}
