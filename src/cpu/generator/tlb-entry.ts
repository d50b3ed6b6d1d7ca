/** Where the entry for a linear address is: of a bank's read and write TLBs (add TLB.READ, WRITE), and of its execute TLB. */
import { type I32, i32 } from '../../wasm/expression.ts';
import { TLB } from '../state.ts';

const entryOf =
  (entries: number) =>
  (bank: I32, linear: I32): I32 =>
    i32.add(bank, i32.and(i32.shr_u(linear, i32.const(8)), i32.const((entries - 1) * TLB.ENTRY_SIZE)));

export const dataEntry = entryOf(TLB.ENTRIES);
/** Less TLB.EXECUTE. */
export const executeEntry = entryOf(TLB.EXECUTE_ENTRIES);
