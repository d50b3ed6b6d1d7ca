import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CR0, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import { Registers, type Segment } from '../registers.ts';
import { refresh, refreshDataSegment, refreshTransfer, segmentation } from './mode.ts';

const FLAT_CODE = 0xc09b;
const FLAT_DATA = 0xc093;

/** The attributes and limits of flat segments come often, so that flat 32-bit code and 64-bit mode do as well. */
const segment: fc.Arbitrary<Segment> = fc.record({
  selector: fc.nat(0xffff),
  attributes: fc.oneof(
    fc.constantFrom(FLAT_CODE, FLAT_DATA, FLAT_CODE | ATTRIBUTE.DPL, FLAT_DATA | ATTRIBUTE.DPL),
    fc.constantFrom(0xa09b, ATTRIBUTE.UNUSABLE),
    fc.nat(0x1ffff),
  ),
  limit: fc.oneof(fc.constantFrom(0xffff_ffff, 0, 0xffff), fc.nat(0xffff_ffff)),
  base: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(0xffff_ffff) }),
});

const segments = fc.tuple(segment, segment, segment, segment, segment, segment);

/** Control state that a transfer or a segment load leaves alone. */
const control = fc.record({
  cr0: fc.constantFrom(0, CR0.PE, CR0.PE | CR0.PG | CR0.AM),
  efer: fc.constantFrom(0, EFER.LME | EFER.LMA),
  flags: fc.constantFrom(0, FLAG.VM, FLAG.AC),
  cpl: fc.constantFrom(0, 3),
});

const memory = new WebAssembly.Memory({ initial: 1 });

/** Registers with all derived fields up to date. */
function registers(
  state: { cr0: number; efer: number; flags: number; cpl: number },
  all: Segment[],
): Registers {
  const r = new Registers(memory, 0);
  r.cr0 = state.cr0;
  r.efer = state.efer;
  r.rflags = state.flags;
  r.cpl = state.cpl;
  for (const [n, one] of all.entries()) r.setSegment(n, one);
  refresh(r);
  return r;
}

/** Index (u32) of a field that changes when everything is derived once more; -1: none. */
function outOfDate(r: Registers): number {
  const before = r.u32.slice();
  refresh(r);
  return before.findIndex((value, i) => value !== r.u32[i]);
}

describe('derived fields', () => {
  it('are after a transfer what deriving all of them gives', () => {
    const change = fc.tuple(fc.integer({ min: SEG.ES, max: SEG.GS }), segment);
    const changes = fc.array(change, { maxLength: 4 });
    fc.assert(
      fc.property(control, segments, changes, control, (state, all, loads, { cpl, flags }) => {
        const r = registers(state, all);
        const before = segmentation(r);
        for (const [n, one] of loads) r.setSegment(n, one);
        r.cpl = cpl;
        r.systemFlags = flags;
        refreshTransfer(r, before);
        expect(outOfDate(r)).toBe(-1);
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  it('are after the load of a data segment what deriving all of them gives', () => {
    const number = fc.constantFrom(SEG.DS, SEG.ES, SEG.FS, SEG.GS);
    fc.assert(
      fc.property(control, segments, number, segment, (state, all, n, one) => {
        const r = registers(state, all);
        r.setSegment(n, one);
        refreshDataSegment(r, n);
        expect(outOfDate(r)).toBe(-1);
      }),
      { numRuns: 1000, seed: 2 },
    );
  });

  it('of a register that gets the value it has are not out of date', () => {
    fc.assert(
      fc.property(control, segments, (state, all) => {
        const r = registers(state, all);
        for (const [n, one] of all.entries()) {
          r.setSegment(n, { ...one, selector: one.selector ^ 3, attributes: one.attributes ^ ATTRIBUTE.DPL });
        }
        expect(r.stale).toBe(0);
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});
