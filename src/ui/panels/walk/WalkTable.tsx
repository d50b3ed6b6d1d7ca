import { hex, short } from '../../format.ts';
import widgets from '../../widgets/widgets.module.css';
import type { Step } from './steps.ts';
import css from './Walk.module.css';

/** The walk as a list: every entry read, in order. */
export function WalkTable({
  steps,
  cursor,
}: {
  readonly steps: readonly Step[];
  readonly cursor: string | null;
}) {
  return (
    <table className={widgets.table}>
      <caption className="unseen">Entries read, in order</caption>
      <thead>
        <tr>
          <th scope="col">#</th>
          <th scope="col">table</th>
          <th scope="col" className={widgets.number}>
            index
          </th>
          <th scope="col">entry at</th>
          <th scope="col">entry</th>
          <th scope="col">bits</th>
        </tr>
      </thead>
      <tbody>
        {steps.map(({ key, number, entry }) => (
          <tr key={key} className={css.step} aria-current={key === cursor ? 'step' : undefined}>
            <th scope="row">{number}</th>
            <td>{entry.level}</td>
            <td className={widgets.number}>{entry.index}</td>
            <td className={widgets.code}>{short(entry.address)}</td>
            <td className={widgets.code}>{hex(entry.raw, entry.size * 2)}</td>
            <td>
              {entry.fault ??
                entry.fields
                  .filter(({ high, low, value }) => high === low && value === 1n)
                  .map(({ name }) => name)
                  .join(' ')}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
