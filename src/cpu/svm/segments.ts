/**
 * Segment registers between a CPU block and a VMCB. There attributes are 12 bits: descriptor bits 47:40 and
 * 55:52. A register that is not usable has P = 0.
 */

import { SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import { VMCB, type VmcbField } from '../../arch/vmcb.ts';
import { signedNumber, upperHalf } from '../number64.ts';
import type { Registers } from '../registers.ts';
import type { Vmcb } from './vmcb.ts';

interface SegmentFields {
  readonly n: number;
  readonly selector: VmcbField;
  readonly attributes: VmcbField;
  readonly limit: VmcbField;
  readonly base: VmcbField;
}

const fields = (name: 'ES' | 'CS' | 'SS' | 'DS' | 'FS' | 'GS' | 'LDTR' | 'TR'): SegmentFields => ({
  n: SEG[name],
  selector: VMCB[`${name}_SELECTOR`],
  attributes: VMCB[`${name}_ATTRIBUTES`],
  limit: VMCB[`${name}_LIMIT`],
  base: VMCB[`${name}_BASE`],
});

/** What VMRUN and #VMEXIT switch. */
export const RUN_SEGMENTS: readonly SegmentFields[] = (['ES', 'CS', 'SS', 'DS'] as const).map(fields);
/** What VMLOAD and VMSAVE do. */
export const LOAD_SEGMENTS: readonly SegmentFields[] = (['FS', 'GS', 'LDTR', 'TR'] as const).map(fields);

const pack = (attributes: number): number =>
  attributes & ATTRIBUTE.UNUSABLE
    ? attributes & 0xff & ~ATTRIBUTE.P
    : (attributes & 0xff) | ((attributes >> 4) & 0xf00);

const unpack = (packed: number): number =>
  (packed & 0xff) | ((packed & 0xf00) << 4) | (packed & ATTRIBUTE.P ? 0 : ATTRIBUTE.UNUSABLE);

/** Bits 63:47 as bit 47 has them. */
const canonical = (lo: number, hi: number): number => signedNumber(lo >>> 0, (hi << 16) >> 16);

export function saveSegments(r: Registers, vmcb: Vmcb, segments: readonly SegmentFields[]): void {
  for (const { n, selector, attributes, limit, base } of segments) {
    const from = r.segmentBase(n);
    vmcb.set(selector, r.selector(n));
    vmcb.set(attributes, pack(r.attributes(n)));
    vmcb.set(limit, r.limit(n));
    vmcb.set(base, from, upperHalf(from));
  }
}

/** Derived fields are not recomputed. */
export function loadSegments(r: Registers, vmcb: Vmcb, segments: readonly SegmentFields[]): void {
  for (const { n, selector, attributes, limit, base } of segments) {
    r.loadSegment(
      n,
      vmcb.lo(selector),
      unpack(vmcb.lo(attributes)),
      vmcb.lo(limit) >>> 0,
      canonical(vmcb.lo(base), vmcb.hi(base)),
    );
  }
}
