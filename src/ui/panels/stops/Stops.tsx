import { useRef, useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { StopReason } from '../../../protocol/machine-view.ts';
import type { Stop } from '../../../protocol/stops.ts';
import { Button } from '../../widgets/Button.tsx';
import { Empty, Panel } from '../../widgets/Panel.tsx';
import { AddStop } from './AddStop.tsx';
import { StopRow } from './StopRow.tsx';
import css from './Stops.module.css';

/** Whether time stands still because of it. */
function isReached({ id, trigger, vm }: Stop, why: StopReason | null | undefined): boolean {
  if (why?.kind === 'stop') return why.stop === id;
  if (why?.kind !== 'breakpoint' || trigger.kind !== 'address') return false;
  return trigger.address === why.address && (vm === null || vm === why.on.vm);
}

/** Everything that time stops at, forwards and backwards. */
export function Stops({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'stops', 'machine');
  const stops = useView('stops') ?? [];
  const machine = useView('machine');
  const [adding, setAdding] = useState(false);
  const opener = useRef<HTMLDivElement>(null);
  const close = () => {
    setAdding(false);
    opener.current?.querySelector('button')?.focus();
  };
  const bar = (
    <>
      <div ref={opener}>
        <Button small aria-expanded={adding} onClick={() => setAdding(!adding)}>
          Add a stop…
        </Button>
      </div>
      <span className={css.hint}>found by Run and by Run back</span>
    </>
  );
  return (
    <Panel label="Stops" bar={bar}>
      {adding && <AddStop onDone={close} />}
      {stops.length === 0 && !adding && (
        <Empty title="No stop is set">
          Add one here, or click left of an instruction in the code. Time then stops there in both directions.
        </Empty>
      )}
      <ul className={css.list}>
        {stops.map((one) => (
          <StopRow key={one.id} stop={one} reached={isReached(one, machine?.stop)} />
        ))}
      </ul>
    </Panel>
  );
}
