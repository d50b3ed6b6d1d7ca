import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { ExitsView } from '../../../protocol/hypervisor-view.ts';
import type { VmId } from '../../../protocol/target.ts';
import { brief, count } from '../../format.ts';
import { Empty, Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag, vmColour } from '../../widgets/VmTag.tsx';
import css from './Exits.module.css';

export function Exits({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'exits');
  const view = useView('exits');
  return (
    <Panel label="VM exits">
      {!view ? (
        <Missing view={view} what="virtual machine" />
      ) : view.vms.length === 0 ? (
        <None />
      ) : (
        <Counters view={view} />
      )}
    </Panel>
  );
}

function None() {
  return <Empty title="No VM exit yet">A bare machine has none: nothing is below it.</Empty>;
}

interface Row {
  readonly key: number;
  readonly name: string;
  readonly total: number;
  readonly perVm: ReadonlyMap<VmId, { readonly count: number; readonly note: string }>;
}

function Counters({ view }: { readonly view: ExitsView }) {
  const vms = view.vms.map(({ vm }) => vm);
  const exits = collect(view.vms, ({ exits }) =>
    exits.map(({ reason, name, count: times, cycles }) => ({
      key: reason,
      name,
      count: times,
      note: times === 0 ? '' : `${brief(cycles / times)} cycles each`,
    })),
  );
  const calls = collect(view.vms, ({ hypercalls }) =>
    hypercalls.map(({ number, name, count: times, errors }) => ({
      key: number,
      name,
      count: times,
      note: errors > 0 ? `${count(errors)} refused` : '',
    })),
  );
  return (
    <>
      <Table caption="VM exits by reason" head="reason" vms={vms} rows={exits} />
      <Table caption="Hypercalls" head="call" vms={vms} rows={calls} />
    </>
  );
}

/** Rows over all VMs, most frequent first. */
function collect<V extends { readonly vm: VmId }>(
  vms: readonly V[],
  rowsOf: (vm: V) => readonly { key: number; name: string; count: number; note: string }[],
): Row[] {
  const rows = new Map<
    number,
    { key: number; name: string; total: number; perVm: Map<VmId, { count: number; note: string }> }
  >();
  for (const vm of vms) {
    for (const { key, name, count: times, note } of rowsOf(vm)) {
      const row = rows.get(key) ?? { key, name, total: 0, perVm: new Map() };
      row.total += times;
      row.perVm.set(vm.vm, { count: times, note });
      rows.set(key, row);
    }
  }
  return [...rows.values()].sort((a, b) => b.total - a.total || a.key - b.key);
}

interface TableProps {
  readonly caption: string;
  readonly head: string;
  readonly vms: readonly VmId[];
  readonly rows: readonly Row[];
}

function Table({ caption, head, vms, rows }: TableProps) {
  const largest = Math.max(1, ...rows.flatMap(({ perVm }) => [...perVm.values()].map((one) => one.count)));
  return (
    <table className={css.table}>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col" className={css.key}>
            #
          </th>
          <th scope="col">{head}</th>
          {vms.map((vm) => (
            <th scope="col" key={vm} className={css.vm}>
              <VmTag vm={vm} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.length === 0 && (
          <tr>
            <td colSpan={2 + vms.length} className={css.none}>
              none yet
            </td>
          </tr>
        )}
        {rows.map(({ key, name, perVm }) => (
          <tr key={key}>
            <td className={css.key}>{key}</td>
            <th scope="row">{name}</th>
            {vms.map((vm) => {
              const one = perVm.get(vm);
              return (
                <td key={vm} className={css.count} title={one?.note}>
                  {one ? count(one.count) : '·'}
                  <span
                    className={css.bar}
                    style={{
                      inlineSize: `${((one?.count ?? 0) / largest) * 100}%`,
                      background: vmColour(vm),
                    }}
                  />
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
