import { useEffect, useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { setWatchParameters, useWatch } from '../../../client/watch.ts';
import type { WalkView } from '../../../protocol/walk-view.ts';
import { address, bytes, short } from '../../format.ts';
import { AddressInput } from '../../widgets/AddressInput.tsx';
import { Button } from '../../widgets/Button.tsx';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { PictureOrTable, useTable } from '../../widgets/PictureOrTable.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import { EntryBits } from './EntryBits.tsx';
import { findStep, stepAtCursor, steps } from './steps.ts';
import css from './Walk.module.css';
import { WalkGrid } from './WalkGrid.tsx';
import { WalkTable } from './WalkTable.tsx';

export function Walk({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'walk');
  const view = useView('walk');
  const [of, setOf] = useState<bigint | null>(null);
  const explain = (walkAddress: bigint | null) => {
    setOf(walkAddress);
    setWatchParameters({ walkAddress });
  };
  const bar = (
    <>
      {view && <VmTag vm={view.of.vm} />}
      <AddressInput label="Linear address to walk" value={of} placeholder="follows RIP" onChange={explain} />
      {of !== null && (
        <Button small onClick={() => explain(null)}>
          Back to RIP
        </Button>
      )}
      {view && <span>{view.paging === 'off' ? 'paging off' : `${view.paging} paging`}</span>}
      <span className={widgets.barEnd}>
        <PictureOrTable panel="page walk" />
      </span>
    </>
  );
  return (
    <Panel label="Page walk" bar={bar}>
      {view ? <Result view={view} /> : <Missing view={view} what="page tables" />}
    </Panel>
  );
}

function Result({ view }: { readonly view: WalkView }) {
  const [chosen, choose] = useState<string | null>(null);
  const table = useTable('page walk');
  const all = steps(view);
  const cursor = stepAtCursor(view, all)?.key ?? null;
  // A micro-step moves on to what it reads.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the move that counts
  useEffect(() => choose(null), [cursor]);
  const shown =
    findStep(all, chosen ?? cursor) ?? all.findLast(({ dimension }) => dimension === 'guest') ?? all.at(-1);
  return (
    <div className={css.result}>
      <Summary view={view} />
      {table ? (
        <WalkTable steps={all} cursor={cursor} />
      ) : (
        <WalkGrid view={view} chosen={shown?.key ?? null} cursor={cursor} onChoose={choose} />
      )}
      {!table && shown && <EntryBits step={shown} />}
    </div>
  );
}

function Summary({ view }: { readonly view: WalkView }) {
  const { end } = view;
  return (
    <dl className={css.summary}>
      <Stage name="linear" value={address(view.linear)} />
      <span className={css.arrow} aria-hidden="true">
        →
      </span>
      {end.kind === 'mapped' ? (
        <>
          <Stage
            name="guest-physical"
            value={short(end.guestPhysical)}
            note={end.guestPage && `${bytes(end.guestPage)} page`}
          />
          <span className={css.arrow} aria-hidden="true">
            →
          </span>
          <Stage
            name="host-physical"
            value={short(end.hostPhysical)}
            note={end.nestedPage && `${bytes(end.nestedPage)} page`}
          />
          <div className={css.rights}>
            <dt>{view.references} references</dt>
            <dd>{end.rights}</dd>
          </div>
        </>
      ) : (
        <div className={css.fault}>
          <dt>{end.fault}</dt>
          <dd>{end.why}</dd>
        </div>
      )}
    </dl>
  );
}

function Stage({ name, value, note }: { name: string; value: string; note?: string | number | null }) {
  return (
    <div>
      <dt>
        {name}
        {note ? <span className={css.note}> {note}</span> : null}
      </dt>
      <dd className={css.mono}>{value}</dd>
    </div>
  );
}
