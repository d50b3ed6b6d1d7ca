import type { TableEntry, WalkView } from '../../../protocol/walk-view.ts';

/** One memory reference of a walk, in the order in which the hardware makes them. */
export interface Step {
  /** `row.column`, stable while the walk's shape is: the column of the guest's entry is `guest`. */
  readonly key: string;
  readonly number: number;
  readonly dimension: 'guest' | 'nested';
  readonly entry: TableEntry;
}

export function steps(view: WalkView): Step[] {
  const all: Step[] = [];
  const add = (key: string, dimension: Step['dimension'], entry: TableEntry) =>
    all.push({ key, number: all.length + 1, dimension, entry });
  view.levels.forEach((level, row) => {
    for (const [column, entry] of level.nested.entries.entries()) add(`${row}.${column}`, 'nested', entry);
    if (level.entry !== null) add(`${row}.guest`, 'guest', level.entry);
  });
  const row = view.levels.length;
  for (const [column, entry] of (view.page?.entries ?? []).entries())
    add(`${row}.${column}`, 'nested', entry);
  return all;
}

/** The step that reads the entry at which a micro-step stands; undefined outside a walk. */
export function stepAtCursor(view: WalkView, all: readonly Step[]): Step | undefined {
  const { cursor } = view;
  if (cursor === null) return undefined;
  if (cursor.dimension === 'guest') {
    return all.find(({ dimension, entry }) => dimension === 'guest' && entry.address === cursor.address);
  }
  const rows = [...view.levels.map(({ nested }) => nested), ...(view.page === null ? [] : [view.page])];
  // A page that holds two tables has one translation, which is made only once.
  const row = rows.findIndex(({ guestPhysical }) => guestPhysical >> 12n === cursor.of >> 12n);
  const column = rows[row]?.entries.findIndex(({ address }) => address === cursor.address);
  return findStep(all, `${row}.${column}`);
}

export function findStep(all: readonly Step[], key: string | null): Step | undefined {
  return all.find((step) => step.key === key);
}
