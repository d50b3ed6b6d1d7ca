import { useEffect } from 'react';
import { useView } from '../../client/lab-store.ts';
import { say } from '../../client/notices.ts';
import type { MachineView } from '../../protocol/machine-view.ts';
import { describeStop } from '../describe.ts';
import css from './Toolbar.module.css';

/** Runs or stands still, and why; also said to screen readers. */
export function StatusText() {
  const machine = useView('machine');
  const text = statusOf(machine);
  const kind = machine?.running ? 'running' : (machine?.stop?.kind ?? 'unknown');
  useEffect(() => {
    if (text !== '') say(text);
  }, [text]);
  return (
    <p className={css.status} data-kind={kind} title={text}>
      <i className={css.lamp} aria-hidden="true" />
      <span>{text}</span>
    </p>
  );
}

function statusOf(machine: MachineView | null | undefined): string {
  if (!machine) return '';
  return machine.stop === null ? 'Running' : describeStop(machine.stop);
}
