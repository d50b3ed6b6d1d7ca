import { useLab, useView } from '../../client/lab-store.ts';
import { brief, count, seconds } from '../format.ts';
import css from './Toolbar.module.css';

/** Simulated time, work done, and speed. */
export function Readings() {
  const at = useLab((state) => state.at);
  const machine = useView('machine');
  return (
    <dl className={css.readings}>
      <div className={css.time}>
        <dt>simulated time, s</dt>
        <dd title={`${count(at.cycles)} cycles`}>{seconds(at.ns)}</dd>
      </div>
      <div>
        <dt>instructions</dt>
        <dd title={machine ? count(machine.instructions) : ''}>
          {machine ? brief(machine.instructions) : '–'}
        </dd>
      </div>
      <div>
        <dt>instructions/s</dt>
        <dd>{machine?.running ? brief(machine.speed) : '–'}</dd>
      </div>
    </dl>
  );
}
