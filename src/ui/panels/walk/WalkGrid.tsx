import type { TableEntry, WalkView } from '../../../protocol/walk-view.ts';
import { hex, short } from '../../format.ts';
import { steps } from './steps.ts';
import css from './Walk.module.css';

interface Props {
  readonly view: WalkView;
  readonly chosen: string | null;
  /** The entry that a micro-step has just read. */
  readonly cursor: string | null;
  readonly onChoose: (key: string) => void;
}

/**
 * The two-dimensional walk: one row per guest table, whose address is first translated by EPT or nested page tables
 * from left to right; the last row translates the page itself. Numbers give the order of the references.
 */
export function WalkGrid({ view, chosen, cursor, onChoose }: Props) {
  const numbers = new Map(steps(view).map((step) => [step.key, step.number]));
  const rows = [
    ...view.levels.map(({ nested, entry }, row) => ({ row, nested, entry, last: false })),
    ...(view.page === null ? [] : [{ row: view.levels.length, nested: view.page, entry: null, last: true }]),
  ];
  const columns = Math.max(0, ...rows.map(({ nested }) => nested.entries.length));
  const headings = rows.find(({ nested }) => nested.entries.length === columns)?.nested.entries ?? [];
  const cell = (row: number, column: number | 'guest', entry: TableEntry) => {
    const key = `${row}.${column}`;
    return (
      <Cell
        entry={entry}
        number={numbers.get(key) ?? 0}
        chosen={key === chosen}
        current={key === cursor}
        onClick={() => onChoose(key)}
      />
    );
  };
  if (rows.length === 0) return null;
  return (
    <table className={css.grid}>
      <caption className="unseen">
        Entries read, by guest table (rows) and table of the second dimension (columns)
      </caption>
      <thead>
        <tr>
          <th scope="col">{columns > 0 ? 'guest-physical' : 'physical'}</th>
          {headings.map(({ level }) => (
            <th scope="col" key={level}>
              {level}
            </th>
          ))}
          <th scope="col">guest entry</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ row, nested, entry, last }) => (
          <tr key={row}>
            <th scope="row" className={css.mono}>
              {short(nested.guestPhysical)}
            </th>
            {Array.from({ length: columns }, (_, column) => {
              const step = nested.entries[column];
              // biome-ignore lint/suspicious/noArrayIndexKey: a column is its index
              return <td key={column}>{step ? cell(row, column, step) : null}</td>;
            })}
            <td className={css.guest}>
              {entry !== null && cell(row, 'guest', entry)}
              {last && (
                <span className={css.page}>{nested.hostPhysical === null ? 'no page' : 'the page'}</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface CellProps {
  readonly entry: TableEntry;
  readonly number: number;
  readonly chosen: boolean;
  readonly current: boolean;
  readonly onClick: () => void;
}

function Cell({ entry, number, chosen, current, onClick }: CellProps) {
  const state = entry.fault !== null ? 'fault' : entry.leaf ? 'leaf' : 'table';
  const says = entry.fault ?? (entry.leaf ? 'maps the page' : 'points to the next table');
  return (
    <button
      type="button"
      className={css.cell}
      data-state={state}
      aria-pressed={chosen}
      aria-current={current ? 'step' : undefined}
      aria-label={`Reference ${number}: ${entry.level} entry ${entry.index}, ${short(entry.raw)}, ${says}`}
      title={`${entry.level}[${entry.index}] at ${short(entry.address)}: ${says}`}
      onClick={onClick}
    >
      <span className={css.number}>{number}</span>
      <span className={css.level}>{entry.level.replace(/^[EN]PT /, '')}</span>
      <span className={css.index}>{entry.index}</span>
      <span className={css.raw}>{entry.fault !== null ? '✕' : hex(entry.raw & 0xffffffffffn)}</span>
    </button>
  );
}
