import type { RegistersView } from '../../../protocol/processor-view.ts';
import { WhoWroteButton } from '../../context-menu/WhoWroteButton.tsx';
import { asksWhoWrote } from '../../context-menu/who-wrote.ts';
import { hex } from '../../format.ts';
import { EditableValue } from './EditableValue.tsx';
import css from './Registers.module.css';

export function Segments({ view }: { readonly view: RegistersView }) {
  return (
    <table className={css.segments}>
      <caption className="unseen">Segment registers with their hidden parts, and descriptor tables</caption>
      <thead>
        <tr>
          <th scope="col">segment</th>
          <th scope="col">base</th>
          <th scope="col">limit</th>
          <th scope="col">DPL</th>
          <th scope="col">type</th>
        </tr>
      </thead>
      <tbody>
        {view.segments.map(({ name, selector, base, limit, dpl, type, changed }) => (
          <tr key={name} data-changed={changed} {...asksWhoWrote(name, { kind: 'register', name })}>
            <th scope="row">
              {name}{' '}
              <span className={css.value}>
                <EditableValue
                  of={view.of}
                  register={name}
                  value={BigInt(selector)}
                  digits={4}
                  changed={changed}
                />
              </span>
            </th>
            <td className={css.value}>{hex(base, 8)}</td>
            <td className={css.value}>{hex(limit, 5)}</td>
            <td className={css.value}>{dpl}</td>
            <td>{type}</td>
          </tr>
        ))}
        {view.tables.map((table) => (
          <tr key={table.name} {...asksWhoWrote(table.name, { kind: 'register', name: table.name })}>
            <th scope="row">
              {table.name} <WhoWroteButton name={table.name} what={{ kind: 'register', name: table.name }} />
            </th>
            <td className={css.value}>{hex(table.base, 8)}</td>
            <td className={css.value}>{hex(table.limit, 4)}</td>
            <td />
            <td />
          </tr>
        ))}
      </tbody>
    </table>
  );
}
