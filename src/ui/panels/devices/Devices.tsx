import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { DeviceTable, DeviceView } from '../../../protocol/devices-view.ts';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import css from './Devices.module.css';

/** Interrupt controllers, timers, serial port and the others as the machine in focus has them. */
export function Devices({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'devices');
  const view = useView('devices');
  const bar = view && (
    <>
      <VmTag vm={view.of.vm} />
      <span>devices as the guest has them; timers by its own clock</span>
    </>
  );
  return (
    <Panel label="Devices" bar={bar}>
      {view ? (
        view.devices.map((device) => <Device key={device.name} device={device} />)
      ) : (
        <Missing view={view} what="devices" />
      )}
    </Panel>
  );
}

function Device({ device: { name, facts, table } }: { readonly device: DeviceView }) {
  return (
    <section className={css.device} aria-label={name}>
      <h2>{name}</h2>
      <dl className={css.facts}>
        {facts.map((fact) => (
          <div key={fact.name}>
            <dt>{fact.name}</dt>
            <dd>{fact.value}</dd>
          </div>
        ))}
      </dl>
      {table !== null && <Parts table={table} />}
    </section>
  );
}

function Parts({ table: { caption, columns, rows } }: { readonly table: DeviceTable }) {
  if (rows.length === 0) return null;
  return (
    <div className={widgets.wide}>
      <table className={`${widgets.table} ${css.table}`}>
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([first, ...rest]) => (
            <tr key={first}>
              <th scope="row">{first}</th>
              {rest.map((value, n) => (
                <td key={columns[n + 1]} data-yes={value === 'yes'}>
                  {value}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
