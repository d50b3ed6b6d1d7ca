import { create } from 'zustand';
import { command } from '../../client/lab.ts';
import { useLab, useView } from '../../client/lab-store.ts';
import type { TimelineView } from '../../protocol/timeline-view.ts';

/** The hash that was asked for last, and of which instant it is. */
const useKnown = create<{ readonly instant: string; readonly hash: string }>(() => ({
  instant: '',
  hash: '',
}));

/** Asks for the hash of the computer's state at this instant. */
export async function askStateHash(): Promise<void> {
  const { focus, views } = useLab.getState();
  if (focus === null || !views.timeline) return;
  const instant = nameOf(views.timeline);
  const hash = await command({ kind: 'state-hash', on: focus });
  if (hash !== undefined) useKnown.setState({ instant, hash });
}

/** 16 hexadecimal digits, once they were asked for, until there is another instant. */
export function useStateHash(timeline: TimelineView): string | undefined {
  const running = useView('machine')?.running ?? false;
  const known = useKnown();
  return !running && known.instant === nameOf(timeline) ? known.hash : undefined;
}

const nameOf = ({ bare, position, entered }: TimelineView): string => `${bare} ${position} ${entered}`;
