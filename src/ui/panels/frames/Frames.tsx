import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { FrameOwner, FramesView } from '../../../protocol/hypervisor-view.ts';
import { bytes, count, short } from '../../format.ts';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { PictureOrTable, useTable } from '../../widgets/PictureOrTable.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import css from './Frames.module.css';
import { FramesMap } from './FramesMap.tsx';
import { ownerFill } from './owner-fill.ts';
import { ranges } from './ranges.ts';

export function Frames({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'frames');
  const view = useView('frames');
  const table = useTable('host frames');
  const bar = (
    <>
      {view && (
        <span>
          {count(view.frames)} frames of {bytes(view.frameSize)}
        </span>
      )}
      <span className={widgets.barEnd}>
        <PictureOrTable panel="host frames" />
      </span>
    </>
  );
  return (
    <Panel label="Host frames" bar={bar}>
      {!view ? (
        <Missing view={view} what="host memory" />
      ) : (
        <div className={css.split}>
          {table ? <Ranges view={view} /> : <FramesMap view={view} />}
          <Owners view={view} />
        </div>
      )}
    </Panel>
  );
}

function Owners({ view }: { readonly view: FramesView }) {
  return (
    <table className={`${widgets.table} ${css.owners}`}>
      <caption className="unseen">Host frames by owner</caption>
      <thead>
        <tr>
          <th scope="col">owner</th>
          <th scope="col" className={widgets.number}>
            frames
          </th>
          <th scope="col" className={widgets.number}>
            size
          </th>
        </tr>
      </thead>
      <tbody>
        {view.owners.map((owner) => (
          <tr key={owner.label}>
            <th scope="row">
              <Owner owner={owner} />
            </th>
            <td className={widgets.number}>{count(owner.frames)}</td>
            <td className={widgets.number}>{bytes(owner.frames * view.frameSize)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Owner({ owner }: { readonly owner: FrameOwner }) {
  return (
    <span className={css.owner}>
      <i
        className={css.swatch}
        data-use={owner.use}
        style={{ background: ownerFill(owner) }}
        aria-hidden="true"
      />
      {owner.label} {owner.vm !== null && <VmTag vm={owner.vm} />}
    </span>
  );
}

function Ranges({ view }: { readonly view: FramesView }) {
  return (
    <table className={widgets.table}>
      <caption className="unseen">Host memory by range</caption>
      <thead>
        <tr>
          <th scope="col">host-physical</th>
          <th scope="col" className={widgets.number}>
            size
          </th>
          <th scope="col">owner</th>
        </tr>
      </thead>
      <tbody>
        {ranges(view)
          .slice(0, 400)
          .map(({ owner, frame, frames }) => (
            <tr key={frame}>
              <th scope="row" className={widgets.code}>
                {short(frame * view.frameSize)}
              </th>
              <td className={widgets.number}>{bytes(frames * view.frameSize)}</td>
              <td>
                <Owner owner={owner} />
              </td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}
