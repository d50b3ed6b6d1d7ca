import { useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { setWatchParameters, useWatch } from '../../../client/watch.ts';
import type { AddressExpression, MemoryRequest } from '../../../protocol/memory-view.ts';
import type { AddressSpace } from '../../../protocol/target.ts';
import { Button } from '../../widgets/Button.tsx';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import { type CellWidth, WIDTHS } from './cells.ts';
import { ExpressionInput } from './ExpressionInput.tsx';
import { Grid } from './Grid.tsx';
import css from './Memory.module.css';

const SPACES: readonly (readonly [AddressSpace, string])[] = [
  ['linear', 'linear'],
  ['guest-physical', 'guest-physical'],
  ['host-physical', 'host-physical'],
];

/** Where the panel looks; kept while it is hidden. */
const START: Omit<MemoryRequest, 'rows'> = {
  space: 'linear',
  at: { segment: null, register: 'rsp', offset: 0n },
};

/** Memory in hexadecimal and ASCII; bytes can be changed while the machine stands still. */
export function Memory({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'memory');
  const view = useView('memory');
  const [{ space, at }, setPlace] = useState(START);
  const [width, setWidth] = useState<CellWidth>(1);
  const look = (change: { space?: AddressSpace; at?: AddressExpression }, rows?: number) => {
    const place = { space, at, ...change };
    setPlace(place);
    shown.rows = rows ?? shown.rows;
    setWatchParameters({ memory: { ...place, rows: shown.rows } });
  };
  const bar = (
    <>
      {view && <VmTag vm={view.of.vm} />}
      <select
        className={css.space}
        aria-label="Address space"
        value={space}
        onChange={(event) => look({ space: event.target.value as AddressSpace })}
      >
        {SPACES.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
      <ExpressionInput label="Show memory at" value={at} onChange={(next) => look({ at: next })} />
      {at.register !== null && view && (
        <Button
          small
          aria-pressed={true}
          title={`The panel follows ${at.register}; press to stay at this address`}
          onClick={() => look({ at: { segment: null, register: null, offset: view.address } })}
        >
          follows {at.register}
        </Button>
      )}
      <span className={widgets.barEnd}>
        <Widths width={width} onChange={setWidth} />
      </span>
    </>
  );
  return (
    <Panel label="Memory" bar={bar}>
      {view ? (
        <Grid
          view={view}
          at={at}
          width={width}
          onLook={(next) => look({ at: next })}
          onRows={(rows) => look({}, rows)}
        />
      ) : (
        <Missing view={view} what="memory" />
      )}
    </Panel>
  );
}

/** Rows asked for: as many as fit. Not state, for it changes nothing that is drawn by itself. */
const shown = { rows: 16 };

function Widths({
  width,
  onChange,
}: {
  readonly width: CellWidth;
  readonly onChange: (width: CellWidth) => void;
}) {
  return (
    <fieldset className={widgets.segmented} style={{ margin: 0, padding: 0 }}>
      <legend className="unseen">Bytes of a cell</legend>
      {WIDTHS.map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={one === width}
          aria-label={`${one} ${one === 1 ? 'byte' : 'bytes'} a cell`}
          onClick={() => onChange(one)}
        >
          {one}
        </button>
      ))}
    </fieldset>
  );
}
