import { useEffect, useState } from 'react';
import { useLab, useView } from '../../../client/lab-store.ts';
import { setWatchParameters, useWatch } from '../../../client/watch.ts';
import { machineTag } from '../../../protocol/target.ts';
import type { TiersView } from '../../../protocol/tiers-view.ts';
import { setTier2 } from '../../actions.ts';
import { Empty, Missing, Panel } from '../../widgets/Panel.tsx';
import { PictureOrTable, useTable } from '../../widgets/PictureOrTable.tsx';
import widgets from '../../widgets/widgets.module.css';
import { Cache } from './Cache.tsx';
import { Batches, SideExits } from './Counts.tsx';
import { addSample, type Sample, stretches } from './history.ts';
import { RegionDetail } from './RegionDetail.tsx';
import { RegionList } from './RegionList.tsx';
import { percent, ShareChart, ShareTable } from './ShareChart.tsx';
import css from './Tiers.module.css';

/** How guest code is executed: interpreted, or compiled to WebAssembly when it runs often. */
export function Tiers({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'tiers');
  const view = useView('tiers');
  const bar = view && (
    <>
      <Switch mode={view.mode} />
      <span>{view.bare === null ? 'computer of the hypervisor' : `machine ${machineTag(view.bare)}`}</span>
      <span className={widgets.barEnd}>
        <PictureOrTable panel="tiers" />
      </span>
    </>
  );
  return (
    <Panel label="Tiers" bar={bar}>
      {!view ? (
        <Missing view={view} what="computer" />
      ) : view.compiled === 0 ? (
        <Nothing off={view.mode === 'off'} />
      ) : (
        <Contents key={view.bare} view={view} visible={visible} />
      )}
    </Panel>
  );
}

function Switch({ mode }: { readonly mode: TiersView['mode'] }) {
  const on = mode !== 'off';
  return (
    <button
      type="button"
      role="switch"
      aria-checked={on}
      className={css.switch}
      onClick={() => setTier2(!on)}
    >
      Second tier <span className={css.state}>{on ? 'on' : 'off'}</span>
    </button>
  );
}

function Nothing({ off }: { readonly off: boolean }) {
  if (off)
    return (
      <Empty title="The second tier is off">
        The interpreter executes every instruction. Guests cannot tell, but they take longer.
      </Empty>
    );
  return (
    <Empty title="Nothing hot yet">
      Code that runs often is compiled to WebAssembly. Let a machine run and work.
    </Empty>
  );
}

function Contents({ view, visible }: { readonly view: TiersView; readonly visible: boolean }) {
  const [selected, setSelected] = useState<number | null>(null);
  const parts = stretches(useHistory(view));
  const table = useTable('tiers');
  useWatch(visible && selected !== null, 'region');
  useEffect(() => {
    setWatchParameters({ region: selected });
    return () => setWatchParameters({ region: null });
  }, [selected]);
  const total = view.instructions === 0 ? 0 : view.compiledInstructions / view.instructions;
  return (
    <div className={css.contents}>
      <div className={css.overview}>
        <div>
          <p className={css.share}>
            <strong>{percent(parts.at(-1)?.share ?? total)}</strong> compiled now, {percent(total)} since
            power-on
          </p>
          {table ? <ShareTable parts={parts} /> : <ShareChart parts={parts} />}
        </div>
        <Cache view={view} />
      </div>
      <RegionList
        regions={view.regions}
        all={view.cache.regions}
        selected={selected}
        onSelect={(id) => setSelected(id)}
      />
      {selected !== null && <RegionDetail id={selected} onClose={() => setSelected(null)} />}
      <div className={css.overview}>
        <SideExits exits={view.sideExits} />
        <Batches batches={view.batches} />
      </div>
    </div>
  );
}

/** Totals at the instants of the views that came while the panel was open. */
function useHistory(view: TiersView): readonly Sample[] {
  const [history, setHistory] = useState<readonly Sample[]>([]);
  useEffect(() => {
    const { ns } = useLab.getState().at;
    const { instructions, compiledInstructions: compiled } = view;
    setHistory((before) => addSample(before, { ns, instructions, compiled }));
  }, [view]);
  return history;
}
