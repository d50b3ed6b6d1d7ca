/**
 * What a load of a segment register makes of a selector, with the checks of MOV to a segment register.
 * SDM volume 2, "MOV - Move"; volume 3A, "Privilege Level Checking When Accessing Data Segments".
 */
import { SEG } from '../../arch/registers.ts';
import {
  ATTRIBUTE,
  attributesOf,
  baseOf,
  dplOf,
  isNullSelector,
  limitOf,
  SELECTOR,
} from '../../arch/segments.ts';
import { Refusal } from '../refusal.ts';
import { modeOf } from '../views/modes.ts';
import type { ProcessorState, SegmentState } from '../views/processor-state.ts';

/** Reads 8 bytes of a descriptor table as two words; undefined where no memory is mapped. */
export type ReadTable = (linear: bigint) => { readonly lo: number; readonly hi: number } | undefined;

const NAMES = Object.keys(SEG);

/** Selector and hidden part after a load. Throws a `Refusal` where the load would fault. */
export function loadedSegment(
  state: ProcessorState,
  n: number,
  selector: number,
  read: ReadTable,
): SegmentState {
  const name = (NAMES[n] ?? '').toLowerCase();
  const refuse = (why: string, remedy: string | null = null) => new Refusal(why, name, remedy);
  const before = state.segments[n];
  if (before === undefined || n > SEG.GS)
    throw refuse('LDTR and TR are loaded by LLDT and LTR only, which also change memory.');
  const { name: mode, bitness } = modeOf(state);
  if (mode === 'real mode' || mode === 'virtual-8086 mode')
    return { ...before, selector, base: BigInt(selector) * 16n };
  if (n === SEG.CS)
    throw refuse('CS is changed by far transfers only: the privilege level would change with it.');
  if (isNullSelector(selector)) {
    if (n === SEG.SS && (bitness !== 64 || state.cpl === 3 || (selector & 3) !== state.cpl))
      throw refuse('A null selector in SS raises #GP(0) here.');
    return { selector, base: 0n, limit: 0, attributes: ATTRIBUTE.UNUSABLE | (state.cpl << 5) };
  }
  const table =
    selector & SELECTOR.TI
      ? { base: state.segments[SEG.LDTR]?.base ?? 0n, limit: ldtLimit(state) }
      : state.gdtr;
  const index = selector & SELECTOR.INDEX;
  if (index + 7 > table.limit) throw refuse('The selector is beyond the end of its descriptor table.');
  const entry = read(table.base + BigInt(index));
  if (entry === undefined) throw refuse('The descriptor is in a page that is not mapped.');
  const { lo, hi } = entry;
  const attributes = attributesOf(hi);
  const rpl = selector & SELECTOR.RPL;
  const dpl = dplOf(attributes);
  if (!(attributes & ATTRIBUTE.S)) throw refuse('The selector names a system descriptor, not a segment.');
  if (!(attributes & ATTRIBUTE.P)) throw refuse('The segment is not present.');
  const isCode = (attributes & ATTRIBUTE.CODE) !== 0;
  if (n === SEG.SS) {
    if (isCode || !(attributes & ATTRIBUTE.WRITABLE)) throw refuse('SS needs a writable data segment.');
    if (rpl !== state.cpl || dpl !== state.cpl)
      throw refuse(`SS needs RPL and DPL ${state.cpl}, the CPL; they are ${rpl} and ${dpl}.`);
  } else {
    if (isCode && !(attributes & ATTRIBUTE.READABLE)) throw refuse('The code segment is not readable.');
    const conforming = isCode && (attributes & ATTRIBUTE.CONFORMING) !== 0;
    if (!conforming && dpl < Math.max(rpl, state.cpl))
      throw refuse(`The DPL, ${dpl}, is below the CPL or RPL.`);
  }
  return {
    selector,
    base: BigInt(baseOf(lo, hi)),
    limit: limitOf(lo, hi),
    attributes: attributes | ATTRIBUTE.ACCESSED,
  };
}

/** 0 where there is no LDT. */
function ldtLimit(state: ProcessorState): number {
  const ldtr = state.segments[SEG.LDTR];
  return ldtr === undefined || ldtr.attributes & ATTRIBUTE.UNUSABLE ? 0 : ldtr.limit;
}
