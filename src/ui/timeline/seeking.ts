import { create } from 'zustand';
import { command } from '../../client/lab.ts';
import { useLab } from '../../client/lab-store.ts';

/** Where the user has dragged the line to, until the computer is there. */
const useWanted = create<{ readonly position: number | null }>(() => ({ position: null }));

let underWay = false;

export const useSeeking = (): number | null => useWanted(({ position }) => position);

/** Goes to an instant. While the computer is on its way to one, only the latest wish counts. */
export function seekTo(position: number): void {
  useWanted.setState({ position });
  if (!underWay) void seek();
}

/** To either end of the history in view. */
export function seekToEnd(end: 'from' | 'to'): void {
  const { timeline } = useLab.getState().views;
  if (timeline) seekTo(timeline[end]);
}

async function seek(): Promise<void> {
  underWay = true;
  for (;;) {
    const { position } = useWanted.getState();
    const { focus } = useLab.getState();
    if (position === null || focus === null) break;
    await command({ kind: 'seek', on: focus, position });
    if (useWanted.getState().position === position) useWanted.setState({ position: null });
  }
  underWay = false;
}
