/** What is decoded is dropped as a whole when there is no room left; a guest must not notice. */
import { expect, it } from 'vitest';
import { LAYOUT } from '../../cpu/state.ts';
import { CODE_MODE } from '../../isa/modes.ts';
import type { Computer } from '../computer.ts';
import { runGuest } from './run-guest.ts';

/** Bytes of a page's record table. */
const TABLE = 0x4000;
const TABLES = (LAYOUT.TABLES_END - LAYOUT.TABLES) / TABLE;

/** Leaves room for so many record tables. */
function leave(tables: number, { code }: Computer): void {
  for (let i = 0; i < TABLES - tables; i++) code.table(0x100 + i, CODE_MODE.LONG64);
}

const ACROSS_PAGES = `
start:  inc bx
        cmp bx, 5
        je done
        jmp near across
done:   value bx
        newline
        finish
        times 0xffe - ($ - $$) db 0x90
across: jmp near start          ; its last byte is in the next page`;

it('a branch that lies in two pages takes a record table for the first only', () => {
  // A table for the second page would drop all tables, the first page's too, while it is in use.
  const { output, computer } = runGuest(ACROSS_PAGES, { prepare: (c) => leave(1, c) });
  expect(output).toBe(' 5\n');
  expect(computer.code.statistics.flushes).toBe(0);
});

it('a guest goes on when all tables were dropped', () => {
  const { output, computer } = runGuest(ACROSS_PAGES, { prepare: (c) => leave(0, c) });
  expect(output).toBe(' 5\n');
  expect(computer.code.statistics.flushes).toBe(1);
});
