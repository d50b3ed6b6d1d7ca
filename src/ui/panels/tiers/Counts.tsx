import type { CompileBatchView, SideExitCount } from '../../../protocol/tiers-view.ts';
import { brief, bytes, count } from '../../format.ts';
import widgets from '../../widgets/widgets.module.css';
import css from './Tiers.module.css';

/** Why compiled code gave control back, as bars. */
export function SideExits({ exits }: { readonly exits: readonly SideExitCount[] }) {
  const all = exits.reduce((sum, exit) => sum + exit.count, 0) || 1;
  const most = Math.max(1, ...exits.map((exit) => exit.count));
  return (
    <table className={css.counts}>
      <caption>Side exits by cause</caption>
      <thead className="unseen">
        <tr>
          <th scope="col">cause</th>
          <th scope="col">times</th>
          <th scope="col">share</th>
        </tr>
      </thead>
      <tbody>
        {exits.map(({ cause, text, count: times }) => (
          <tr key={cause}>
            <th scope="row">
              {text}
              <span className={css.bar} style={{ inlineSize: `${(times / most) * 100}%` }} />
            </th>
            <td className={widgets.number}>{count(times)}</td>
            <td className={widgets.number}>{((times / all) * 100).toFixed(1)} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const BATCHES_SHOWN = 8;

/** The latest modules. */
export function Batches({ batches }: { readonly batches: readonly CompileBatchView[] }) {
  return (
    <table className={css.counts}>
      <caption>Latest compilations</caption>
      <thead>
        <tr>
          <th scope="col">module</th>
          <th scope="col" className={widgets.number}>
            at instruction
          </th>
          <th scope="col" className={widgets.number}>
            regions
          </th>
          <th scope="col" className={widgets.number}>
            guest code
          </th>
          <th scope="col" className={widgets.number}>
            size
          </th>
        </tr>
      </thead>
      <tbody>
        {batches.slice(0, BATCHES_SHOWN).map(({ module, at, regions, instructions, bytes: size }) => (
          <tr key={module}>
            <th scope="row">{module}</th>
            <td className={widgets.number}>{brief(at)}</td>
            <td className={widgets.number}>{count(regions)}</td>
            <td className={widgets.number}>{count(instructions)} instr.</td>
            <td className={widgets.number}>{bytes(size)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
