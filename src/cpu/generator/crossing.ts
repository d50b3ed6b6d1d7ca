/** Instructions that cross into the next page, which stand in no record table: see LAYOUT.CROSSINGS. */
import type { LibraryFunction } from '../../isa/definition.ts';
import { i32, i64 } from '../../wasm/expression.ts';
import { CROSSING, LAYOUT, STATE, TLB } from '../state.ts';
import { executeEntry } from './tlb-entry.ts';

/**
 * (state, address of the instruction's slot in the record table, linear address) -> its record, when it is
 * known and the execute TLB has the next page as it was when the record was made; else 0
 */
export const FIND_CROSSING: LibraryFunction<'i32'> = {
  name: 'findCrossing',
  params: ['i32', 'i64'],
  result: 'i32',
  build: (f) => {
    const [state, slot, linear] = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i64')];
    const notFound = () => f.return(i32.const(0));
    const offset = i32.and(i32.wrap_i64(linear), i32.const(0xfff));
    f.if(i32.lt_u(offset, i32.const(CROSSING.FIRST_OFFSET)), notFound);
    const table = i32.shr_u(i32.sub(slot, i32.const(LAYOUT.TABLES)), i32.const(CROSSING.TABLE_SHIFT));
    const index = i32.add(i32.shl(table, i32.const(4)), i32.and(offset, i32.const(15)));
    const entry = f.let(i32.shl(index, i32.const(CROSSING.SHIFT)));
    const record = f.let(i32.load(entry, LAYOUT.CROSSINGS));
    f.if(i32.eqz(record), notFound);
    const after = i64.add(i64.and(linear, i64.const(~0xfffn)), i64.const(0x1000));
    const next = f.let(i64.and(after, i64.load(state, STATE.ADDRESS_MASK)));
    const translation = f.let(executeEntry(i32.load(state, STATE.TLB_BANK), i32.wrap_i64(next)));
    const tag = i64.or(next, i64.load(state, STATE.CODE_MODE));
    f.if(i64.ne(i64.load(translation, TLB.EXECUTE), tag), notFound);
    const page = i32.and(i32.load(translation, TLB.EXECUTE + TLB.PHYSICAL_PAGE), i32.const(TLB.PAGE_MASK));
    f.if(i32.ne(page, i32.load(entry, LAYOUT.CROSSINGS + CROSSING.SECOND_PAGE)), notFound);
    f.return(record);
    f.unreachable();
  },
};
