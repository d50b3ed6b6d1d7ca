import { useState } from 'react';
import { command } from '../../client/lab.ts';
import { useLab, useView } from '../../client/lab-store.ts';
import type { TimelineView } from '../../protocol/timeline-view.ts';
import { useGdbRuns } from '../bridge/use-gdb-runs.ts';
import { Button } from '../widgets/Button.tsx';
import css from './Timeline.module.css';

const WHAT =
  'Hash of the whole state at this instant: processors, memory, devices, virtual machines, inputs. Equal hashes: equal states';

/** Asks for the hash of the computer's state, and shows it until there is another instant. */
export function StateHash({ timeline }: { readonly timeline: TimelineView }) {
  const running = useView('machine')?.running ?? false;
  const focus = useLab((state) => state.focus);
  const ofGdb = useGdbRuns();
  const { bare, position, entered } = timeline;
  const instant = `${bare} ${position} ${entered}`;
  const [known, setKnown] = useState<{ readonly instant: string; readonly hash: string }>();
  const hash = !running && known?.instant === instant ? known.hash : undefined;
  const ask = async () => {
    if (focus === null) return;
    const answer = await command({ kind: 'state-hash', on: focus });
    if (answer !== undefined) setKnown({ instant, hash: answer });
  };
  return (
    <Button small disabled={running || focus === null || ofGdb} onClick={() => void ask()} title={WHAT}>
      {hash === undefined ? 'State hash' : <code className={css.hash}>{hash}</code>}
    </Button>
  );
}
