import { useEffect } from 'react';
import type { ViewName, Watch } from '../protocol/messages.ts';
import { lab } from './lab.ts';

/** Views by the number of panels that show them: a hidden panel costs the worker nothing. */
const shown = new Map<ViewName, number>();
let parameters: Omit<Watch, 'views'> = {
  walkAddress: null,
  codeAddress: null,
  codeLines: 40,
  region: null,
  memory: { space: 'linear', at: { segment: null, register: 'rsp', offset: 0n }, rows: 16 },
  instruction: null,
};
let scheduled = false;

/** Keeps the views up to date for as long as the component is mounted and `visible`. */
export function useWatch(visible: boolean, ...names: ViewName[]): void {
  const key = names.join();
  useEffect(() => {
    if (!visible) return;
    const views = key.split(',') as ViewName[];
    for (const view of views) shown.set(view, (shown.get(view) ?? 0) + 1);
    schedule();
    return () => {
      for (const view of views) shown.set(view, (shown.get(view) ?? 1) - 1);
      schedule();
    };
  }, [visible, key]);
}

export function setWatchParameters(change: Partial<Omit<Watch, 'views'>>): void {
  parameters = { ...parameters, ...change };
  schedule();
}

/** All changes of one turn go out as one message. */
function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    const views = [...shown].filter(([, count]) => count > 0).map(([view]) => view);
    lab().watch({ ...parameters, views });
  });
}
