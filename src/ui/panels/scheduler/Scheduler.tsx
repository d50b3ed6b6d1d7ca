import { useLab, useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { RunSegment, SchedulerView, VcpuShare } from '../../../protocol/hypervisor-view.ts';
import { duration, nsPerCycle, seconds } from '../../format.ts';
import { Empty, Missing, Panel } from '../../widgets/Panel.tsx';
import { PictureOrTable, useTable } from '../../widgets/PictureOrTable.tsx';
import { VmTag, vmColour } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import { Lanes } from './Lanes.tsx';
import css from './Scheduler.module.css';

export function Scheduler({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'scheduler');
  const view = useView('scheduler');
  const perCycle = useLab((state) => nsPerCycle(state.at));
  const table = useTable('scheduler');
  const bar = (
    <>
      {view && (
        <span>
          {view.policy}, {view.physicalCpus} physical {view.physicalCpus === 1 ? 'CPU' : 'CPUs'}
        </span>
      )}
      <span className={widgets.barEnd}>
        <PictureOrTable panel="scheduler" />
      </span>
    </>
  );
  return (
    <Panel label="Scheduler" bar={bar}>
      {!view ? (
        <Missing view={view} what="scheduler" />
      ) : view.vcpus.length === 0 ? (
        <Empty title="Nothing to schedule">A virtual machine appears here once it has run.</Empty>
      ) : (
        <>
          {table ? (
            <Segments segments={view.segments} perCycle={perCycle} />
          ) : (
            <Lanes view={view} perCycle={perCycle} />
          )}
          <Shares view={view} perCycle={perCycle} />
        </>
      )}
    </Panel>
  );
}

const STATE: Record<VcpuShare['state'], string> = {
  running: 'running',
  ready: 'ready',
  blocked: 'halted',
  paused: 'paused',
  ended: 'ended',
};

function Shares({ view, perCycle }: { readonly view: SchedulerView; readonly perCycle: number }) {
  const all = view.vcpus.reduce((sum, { ran }) => sum + ran, 0) || 1;
  return (
    <table className={widgets.table}>
      <caption className="unseen">Virtual CPUs and their share of time since power-on</caption>
      <thead>
        <tr>
          <th scope="col">vCPU</th>
          <th scope="col">state</th>
          <th scope="col" className={widgets.number}>
            weight
          </th>
          <th scope="col" className={widgets.number}>
            ran
          </th>
          <th scope="col">share of work</th>
        </tr>
      </thead>
      <tbody>
        {view.vcpus.map(({ on, state, weight, ran }) => (
          <tr key={`${on.vm}/${on.vcpu}`}>
            <th scope="row">
              <VmTag vm={on.vm} /> vCPU {on.vcpu}
            </th>
            <td>{STATE[state]}</td>
            <td className={widgets.number}>{weight}</td>
            <td className={widgets.number}>{duration(ran * perCycle)}</td>
            <td className={css.share}>
              <span
                className={css.bar}
                style={{ inlineSize: `${(ran / all) * 70}%`, background: vmColour(on.vm) }}
              />
              {((ran / all) * 100).toFixed(1)} %
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Segments({
  segments,
  perCycle,
}: {
  readonly segments: readonly RunSegment[];
  readonly perCycle: number;
}) {
  return (
    <table className={widgets.table}>
      <caption className="unseen">Who ran where, newest first</caption>
      <thead>
        <tr>
          <th scope="col">CPU</th>
          <th scope="col">vCPU</th>
          <th scope="col" className={widgets.number}>
            from, s
          </th>
          <th scope="col" className={widgets.number}>
            for
          </th>
          <th scope="col">stopped because</th>
        </tr>
      </thead>
      <tbody>
        {segments
          .slice(-60)
          .reverse()
          .map(({ pcpu, on, from, to, stop }) => (
            <tr key={`${pcpu} ${from}`}>
              <th scope="row">{pcpu}</th>
              <td>
                <VmTag vm={on.vm} /> vCPU {on.vcpu}
              </td>
              <td className={widgets.number}>{seconds(from * perCycle)}</td>
              <td className={widgets.number}>{duration((to - from) * perCycle)}</td>
              <td>{stop ?? 'still runs'}</td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}
