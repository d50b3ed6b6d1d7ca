import { useLab, useView } from '../../client/lab-store.ts';
import type { TimelineView } from '../../protocol/timeline-view.ts';
import { useGdbRuns } from '../bridge/use-gdb-runs.ts';
import { Button } from '../widgets/Button.tsx';
import { askStateHash, useStateHash } from './state-hash.ts';
import css from './Timeline.module.css';

const WHAT =
  'Hash of the whole state at this instant: processors, memory, devices, virtual machines, inputs. Equal hashes: equal states';

/** Asks for the hash of the computer's state, and shows it until there is another instant. */
export function StateHash({ timeline }: { readonly timeline: TimelineView }) {
  const running = useView('machine')?.running ?? false;
  const focus = useLab((state) => state.focus);
  const ofGdb = useGdbRuns();
  const hash = useStateHash(timeline);
  return (
    <Button
      small
      disabled={running || focus === null || ofGdb}
      onClick={() => void askStateHash()}
      title={WHAT}
    >
      {hash === undefined ? 'State hash' : <code className={css.hash}>{hash}</code>}
    </Button>
  );
}
