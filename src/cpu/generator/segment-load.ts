/**
 * Loading a segment register in generated code, where nothing goes wrong and hardly anything changes:
 *
 *   loadSegment(state, n, selector) -> 1, or 0 when the system operation has to do it
 *
 * Protected mode outside IA-32e mode; ES, DS, FS or GS (SEG numbers); a null selector, or one of the GDT for
 * code or data that is present, has been accessed before, may be read at this privilege level and does not expand
 * down. ES and DS keep what code is derived from. With 0 nothing has happened. What it does is what
 * system/segment-moves.ts does; a test compares them.
 */
import { CR0, EFER, FLAG, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE, SELECTOR } from '../../arch/segments.ts';
import type { LibraryFunction } from '../../isa/definition.ts';
import { type I32, i32, i64, select } from '../../wasm/expression.ts';
import { DERIVING_ATTRIBUTES } from '../registers.ts';
import { BANK, SEGMENT, STATE, TLB } from '../state.ts';
import { emitLookup } from './memory.ts';

const LOADABLE = (1 << SEG.ES) | (1 << SEG.DS) | (1 << SEG.FS) | (1 << SEG.GS);

/** Bits of a descriptor's upper word. SDM volume 3A, "Segment Descriptors". */
const HIGH = {
  ACCESSED: 1 << 8,
  /** Of code: readable; of data: writable. */
  READABLE: 1 << 9,
  /** Of code: conforming; of data: expand down. */
  CONFORMING: 1 << 10,
  CODE: 1 << 11,
  S: 1 << 12,
  P: 1 << 15,
  G: 1 << 23,
} as const;

export const LOAD_SEGMENT: LibraryFunction<'i32'> = {
  name: 'loadSegment',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [state, n, selector] = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i32')];
    const refuseUnless = (condition: I32) => f.ifUnlikely(i32.eqz(condition), () => f.return(i32.const(0)));
    const refuseIf = (condition: I32) => f.ifUnlikely(condition, () => f.return(i32.const(0)));
    const has = (value: I32, mask: number): I32 => i32.and(value, i32.const(mask));

    refuseUnless(has(i32.shr_u(i32.const(LOADABLE), n), 1));
    refuseUnless(has(i32.load(state, STATE.CR0), CR0.PE));
    refuseIf(has(i32.load(state, STATE.FLAG_SYSTEM), FLAG.VM));
    refuseIf(has(i32.load(state, STATE.EFER), EFER.LMA));
    // In this bank nothing is looked up in line.
    const unchecked = i32.add(i32.load(state, STATE.TLB_SET), i32.const(BANK.USER_ALIGNED * TLB.BANK_SIZE));
    refuseIf(i32.eq(i32.load(state, STATE.TLB_BANK), unchecked));

    const attributes = f.let(i32.const(ATTRIBUTE.UNUSABLE));
    const limit = f.let(i32.const(0));
    const base = f.let(i32.const(0));
    f.if(has(selector, SELECTOR.INDEX | SELECTOR.TI), () => {
      refuseIf(has(selector, SELECTOR.TI));
      const index = f.let(has(selector, SELECTOR.INDEX));
      refuseIf(i32.gt_u(i32.add(index, i32.const(7)), i32.load(state, STATE.GDTR + 8)));
      const address = f.let(i64.extend_i32_u(i32.add(i32.load(state, STATE.GDTR), index)));
      const host = f.local('i32');
      const bank = i32.load(state, STATE.TLB_SET);
      emitLookup(f, { tlb: TLB.READ, bank, address, bytes: 8, host }, () => f.return(i32.const(0)));
      const low = f.let(i32.load(host));
      const high = f.let(i32.load(host, 4));

      const needed = HIGH.S | HIGH.P | HIGH.ACCESSED;
      refuseUnless(i32.eq(has(high, needed), i32.const(needed)));
      const isCode = f.let(has(high, HIGH.CODE));
      f.if(
        isCode,
        () => refuseUnless(has(high, HIGH.READABLE)),
        () => refuseIf(has(high, HIGH.CONFORMING)),
      );
      const conforms = i32.and(
        i32.ne(isCode, i32.const(0)),
        i32.ne(has(high, HIGH.CONFORMING), i32.const(0)),
      );
      const dpl = f.let(has(i32.shr_u(high, i32.const(13)), 3));
      const reaches = i32.and(
        i32.ge_u(dpl, has(selector, SELECTOR.RPL)),
        i32.ge_u(dpl, i32.load(state, STATE.CPL)),
      );
      refuseUnless(i32.or(conforms, reaches));

      f.set(attributes, has(i32.shr_u(high, i32.const(8)), 0xf0ff));
      f.set(limit, i32.or(has(low, 0xffff), has(high, 0xf_0000)));
      f.if(has(high, HIGH.G), () => f.set(limit, i32.or(i32.shl(limit, i32.const(12)), i32.const(0xfff))));
      const middle = i32.shl(has(high, 0xff), i32.const(16));
      f.set(base, i32.or(i32.or(i32.shr_u(low, i32.const(16)), middle), has(high, 0xff00_0000 | 0)));
    });

    const at = f.let(i32.add(state, i32.mul(n, i32.const(SEGMENT.SIZE))));
    const field = (offset: number): number => STATE.SEGMENTS + offset;
    const wideBase = f.let(i64.extend_i32_u(base));
    const sameRights = i32.eqz(
      has(i32.xor(i32.load(at, field(SEGMENT.ATTRIBUTES)), attributes), DERIVING_ATTRIBUTES),
    );
    const samePlace = i32.and(
      i32.eq(i32.load(at, field(SEGMENT.LIMIT)), limit),
      i64.eq(i64.load(at, field(SEGMENT.BASE)), wideBase),
    );
    f.if(i32.eqz(i32.and(sameRights, samePlace)), () => {
      // The code mode depends on ES and DS.
      refuseIf(i32.lt_u(n, i32.const(SEG.FS)));
      f.store('i64', i32.add(state, i32.shl(n, i32.const(3))), wideBase, STATE.EFFECTIVE_BASE);
      const usable = f.let(i32.eqz(has(attributes, ATTRIBUTE.UNUSABLE)));
      const asData = i32.eq(
        has(attributes, ATTRIBUTE.CODE | ATTRIBUTE.WRITABLE),
        i32.const(ATTRIBUTE.WRITABLE),
      );
      const bounds = (allowed: I32, offset: number) => {
        const last = i64.extend_i32_u(limit);
        f.store('i64', at, i64.extend_i32_u(i32.eqz(allowed)), STATE.SEGMENT_RANGE + offset);
        f.store('i64', at, select(allowed, last, i64.const(0)), STATE.SEGMENT_RANGE + offset + 8);
      };
      bounds(usable, 0);
      bounds(f.let(i32.and(usable, asData)), 16);
    });
    f.store('i32', at, selector, field(SEGMENT.SELECTOR));
    f.store('i32', at, attributes, field(SEGMENT.ATTRIBUTES));
    f.store('i32', at, limit, field(SEGMENT.LIMIT));
    f.store('i64', at, wideBase, field(SEGMENT.BASE));
    f.return(i32.const(1));
    f.unreachable();
  },
};
