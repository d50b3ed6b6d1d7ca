import { useEffect } from 'react';
import { useView } from '../../client/lab-store.ts';
import { say } from '../../client/notices.ts';
import type { MachineView } from '../../protocol/machine-view.ts';
import { describeStop } from '../describe.ts';
import { count } from '../format.ts';
import css from './Toolbar.module.css';

/** Runs or stands still, and why; also said to screen readers. */
export function StatusText() {
  const machine = useView('machine');
  const text = statusOf(machine);
  // Numbers that change all the time are not said.
  const said = machine?.running ? 'Running' : text;
  const kind = machine?.running ? 'running' : (machine?.stop?.kind ?? 'unknown');
  useEffect(() => {
    if (said !== '') say(said);
  }, [said]);
  return (
    <p className={css.status} data-kind={kind} title={text}>
      <i className={css.lamp} aria-hidden="true" />
      <span>{text}</span>
    </p>
  );
}

function statusOf(machine: MachineView | null | undefined): string {
  if (!machine) return '';
  const { stop, steps } = machine;
  if (stop !== null) return describeStop(stop);
  if (steps === null) return 'Running';
  return `${steps.backwards ? 'Stepping back' : 'Stepping'}: ${count(steps.made)} of ${count(steps.of)}`;
}
