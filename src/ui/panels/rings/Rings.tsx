import { useLab, useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { Crossing, RingsView } from '../../../protocol/rings-view.ts';
import { count, nsPerCycle, seconds } from '../../format.ts';
import { Empty, Missing, Panel } from '../../widgets/Panel.tsx';
import { PictureOrTable, useTable } from '../../widgets/PictureOrTable.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import { CAUSE, ringName } from './causes.ts';
import css from './Rings.module.css';
import { RingsPicture } from './RingsPicture.tsx';

export function Rings({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'rings');
  const view = useView('rings');
  const table = useTable('rings');
  const bar = (
    <>
      <span>Privilege, as the processors hold it</span>
      <span className={widgets.barEnd}>
        <PictureOrTable panel="rings" />
      </span>
    </>
  );
  return (
    <Panel label="Rings" bar={bar}>
      {!view ? (
        <Missing view={view} what="processor" />
      ) : view.positions.length === 0 ? (
        <Empty title="No virtual CPU" />
      ) : (
        <>
          {table ? <Positions view={view} /> : <RingsPicture view={view} />}
          <Recent crossings={view.recent} />
          {table && <Counts view={view} />}
        </>
      )}
    </Panel>
  );
}

function Positions({ view }: { readonly view: RingsView }) {
  return (
    <table className={widgets.table}>
      <caption className="unseen">Where each virtual CPU is</caption>
      <thead>
        <tr>
          <th scope="col">vCPU</th>
          <th scope="col">ring</th>
          <th scope="col">state</th>
        </tr>
      </thead>
      <tbody>
        {view.positions.map(({ on, ring, scheduled, halted }) => (
          <tr key={`${on.vm}/${on.vcpu}`}>
            <th scope="row">
              <VmTag vm={on.vm} /> vCPU {on.vcpu}
            </th>
            <td>{ringName(ring)}</td>
            <td>{halted ? 'halted' : scheduled ? 'on a processor' : 'waiting for a processor'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Recent({ crossings }: { readonly crossings: readonly Crossing[] }) {
  const perCycle = useLab((state) => nsPerCycle(state.at));
  const latest = crossings.slice(-24).reverse();
  if (latest.length === 0) return <p className={css.none}>No crossing yet.</p>;
  return (
    <table className={`${widgets.table} ${css.recent}`}>
      <caption className="unseen">Latest crossings, newest first</caption>
      <thead>
        <tr>
          <th scope="col">vCPU</th>
          <th scope="col">from → to</th>
          <th scope="col">cause</th>
          <th scope="col" className={widgets.number}>
            cycles
          </th>
          <th scope="col" className={`${widgets.number} ${css.at}`}>
            at, s
          </th>
        </tr>
      </thead>
      <tbody>
        {latest.map((crossing) => (
          <tr key={crossing.sequence}>
            <td>
              <VmTag vm={crossing.on.vm} />
            </td>
            <td className={css.move} data-inward={crossing.to < crossing.from}>
              {ringName(crossing.from)} → {ringName(crossing.to)}
            </td>
            <td className={css.cause} title={`${CAUSE[crossing.cause]} ${crossing.detail}`}>
              {CAUSE[crossing.cause]} <span className={css.detail}>{crossing.detail}</span>
            </td>
            <td className={widgets.number}>{count(crossing.cost)}</td>
            <td className={`${widgets.number} ${css.at}`}>{seconds(crossing.at * perCycle)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Counts({ view }: { readonly view: RingsView }) {
  const sorted = [...view.counts].sort((a, b) => b.count - a.count);
  return (
    <table className={widgets.table}>
      <caption className={css.caption}>All crossings since power-on</caption>
      <thead>
        <tr>
          <th scope="col">from → to</th>
          <th scope="col">cause</th>
          <th scope="col" className={widgets.number}>
            times
          </th>
        </tr>
      </thead>
      <tbody>
        {sorted.map(({ from, to, cause, count: times }) => (
          <tr key={`${from}${to}${cause}`}>
            <td>
              {ringName(from)} → {ringName(to)}
            </td>
            <td>{CAUSE[cause]}</td>
            <td className={widgets.number}>{count(times)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
