import type { MemoryRow, MemoryView } from '../protocol/memory-view.ts';

/**
 * Marks bytes that differ from what they were at the last stop. Known are the rows that were shown
 * while the machine stood still: bytes that nobody has looked at are never marked.
 */
export class MemoryChanges {
  #before = new Map<string, Uint8Array>();
  #shown = new Map<string, Uint8Array>();

  /** The machine is about to run: what is shown now is what comes is compared with. */
  remember(): void {
    this.#before = this.#shown;
    this.#shown = new Map();
  }

  /** The view of a machine that stands still, with `changed` set. */
  mark(view: MemoryView): MemoryView {
    return { ...view, rows: view.rows.map((row) => this.#markRow(view, row)) };
  }

  #markRow(view: MemoryView, row: MemoryRow): MemoryRow {
    const key = `${view.of.vm}/${view.of.vcpu} ${view.space} ${row.address}`;
    this.#shown.set(key, row.bytes);
    const before = this.#before.get(key);
    if (before === undefined || before.length !== row.bytes.length) return row;
    let changed = 0;
    for (const [i, byte] of row.bytes.entries()) if (byte !== before[i]) changed |= 1 << i;
    return changed === 0 ? row : { ...row, changed };
  }
}
