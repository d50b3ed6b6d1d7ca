import { Fragment, useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { DescriptorEntry, DescriptorTable } from '../../../protocol/descriptors-view.ts';
import { WhoWroteButton } from '../../context-menu/WhoWroteButton.tsx';
import { asksWhoWrote, writtenBytes } from '../../context-menu/who-wrote.ts';
import { hex, short } from '../../format.ts';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import css from './Descriptors.module.css';

/** GDT, LDT and IDT, or the real-mode vector table, each entry down to its bits. */
export function Descriptors({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'descriptors');
  const view = useView('descriptors');
  const [name, setName] = useState('GDT');
  const shown = view?.tables.find((table) => table.name === name) ?? view?.tables[0];
  const bar = view && (
    <>
      <VmTag vm={view.of.vm} />
      <span>{view.mode}</span>
      <fieldset className={widgets.segmented} style={{ margin: 0, padding: 0 }}>
        <legend className="unseen">Table</legend>
        {view.tables.map((table) => (
          <button
            key={table.name}
            type="button"
            aria-pressed={table === shown}
            onClick={() => setName(table.name)}
          >
            {table.name}
          </button>
        ))}
      </fieldset>
    </>
  );
  return (
    <Panel label="Descriptor tables" bar={bar}>
      {shown ? <Table table={shown} /> : <Missing view={view === null ? null : undefined} what="tables" />}
    </Panel>
  );
}

function Table({ table }: { readonly table: DescriptorTable }) {
  const [open, setOpen] = useState<number | null>(null);
  const { name, base, limit, entries, empty, missing } = table;
  return (
    <>
      <p className={css.summary}>
        {name} at linear <code>{short(base)}</code>, limit <code>{short(limit)}</code>: {entries.length}{' '}
        entries
        {empty > 0 && `, ${empty} empty ones left out`}
      </p>
      <table className={`${widgets.table} ${css.entries}`}>
        <caption className="unseen">Entries of the {name}; the button of a row shows its bits</caption>
        <thead>
          <tr>
            <th scope="col">{name === 'GDT' || name === 'LDT' ? 'selector' : 'vector'}</th>
            <th scope="col">type</th>
            <th scope="col">describes</th>
            <th scope="col">DPL</th>
            <th scope="col">present</th>
            <th scope="col">in</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Fragment key={entry.index}>
              <tr
                {...asksWhoWrote(`entry ${entry.name}`, writtenBytes('linear', entry.address, entry.bytes))}
              >
                <th scope="row">
                  <button
                    type="button"
                    className={css.open}
                    aria-expanded={open === entry.index}
                    onClick={() => setOpen(open === entry.index ? null : entry.index)}
                  >
                    {entry.name}
                  </button>{' '}
                  <WhoWroteButton
                    name={`entry ${entry.name}`}
                    what={writtenBytes('linear', entry.address, entry.bytes)}
                  />
                </th>
                <td className={css.type}>{entry.type}</td>
                <td className={`${widgets.code} ${widgets.wraps}`}>{entry.describes}</td>
                <td>{entry.dpl}</td>
                <td>{entry.present ? 'yes' : 'no'}</td>
                <td className={`${widgets.code} ${widgets.wraps}`}>{entry.loadedIn.join(' ')}</td>
              </tr>
              {open === entry.index && (
                <tr>
                  <td colSpan={6} className={css.detail}>
                    <Bits entry={entry} />
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
      {missing && <p className={css.summary}>{missing}</p>}
    </>
  );
}

function Bits({ entry: { name, address, raw, bytes, fields } }: { readonly entry: DescriptorEntry }) {
  return (
    <section aria-label={`Bits of ${name}`}>
      <p>
        at linear <code>{short(address)}</code> <code className={css.raw}>{hex(raw, bytes * 2)}</code>
      </p>
      <ul className={css.bits}>
        {fields.map((field) => (
          <li key={field.name} data-set={field.value !== 0n}>
            <span className={css.place}>
              {field.high === field.low ? field.low : `${field.high}:${field.low}`}
            </span>
            <span className={css.name}>{field.name}</span>
            <span className={css.meaning}>{field.meaning}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
