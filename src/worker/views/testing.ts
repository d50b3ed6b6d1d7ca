import { CR0, CR4, EFER, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import type { ProcessorState, SegmentState } from './processor-state.ts';

const PRESENT = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.ACCESSED;

/** For tests: a processor in 64-bit mode at CPL 0 with flat segments. */
export function longModeState(change: Partial<ProcessorState> = {}): ProcessorState {
  const data: SegmentState = {
    selector: 0x10,
    base: 0n,
    limit: 0xffff_ffff,
    attributes: PRESENT | ATTRIBUTE.WRITABLE,
  };
  const code = {
    ...data,
    selector: 8,
    attributes: PRESENT | ATTRIBUTE.CODE | ATTRIBUTE.READABLE | ATTRIBUTE.L,
  };
  return {
    general: Array.from({ length: 16 }, (_, n) => BigInt(n)),
    rip: 0n,
    rflags: 2n,
    segments: Object.values(SEG).map((n) => (n === SEG.CS ? code : data)),
    gdtr: { base: 0n, limit: 0 },
    idtr: { base: 0n, limit: 0 },
    cr0: BigInt((CR0.PG | CR0.PE) >>> 0),
    cr2: 0n,
    cr3: 0n,
    cr4: BigInt(CR4.PAE),
    efer: BigInt(EFER.LME | EFER.LMA),
    cpl: 0,
    ...change,
  };
}
