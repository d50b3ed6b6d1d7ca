import { useView } from '../../../client/lab-store.ts';
import { whoWrote } from '../../actions.ts';
import { hex, short } from '../../format.ts';
import { Button } from '../../widgets/Button.tsx';
import type { Step } from './steps.ts';
import css from './Walk.module.css';

/** One entry down to its bits. */
export function EntryBits({ step }: { readonly step: Step }) {
  const { entry, number } = step;
  const running = useView('machine')?.running ?? false;
  const space = step.dimension === 'guest' ? 'guest-physical' : 'host-physical';
  return (
    <section className={css.entry} aria-label={`Bits of reference ${number}`}>
      <h2>
        <span className={css.entryNumber}>{number}</span> {entry.level}[{entry.index}]
        <span className={css.entryAt}>
          at {space} <code>{short(entry.address)}</code>
        </span>
        <code className={css.entryRaw}>{hex(entry.raw, entry.size * 2)}</code>
        <Button
          small
          icon="runBack"
          disabled={running}
          title="Go back to the instruction that wrote this entry last"
          onClick={() => whoWrote({ kind: 'memory', space, address: entry.address, length: entry.size })}
        >
          Who wrote this?
        </Button>
      </h2>
      {entry.fault && <p className={css.entryFault}>{entry.fault}</p>}
      <ul className={css.bits}>
        {entry.fields.map((field) => (
          <li key={field.name} data-set={field.value !== 0n}>
            <span className={css.bitPlace}>
              {field.high === field.low ? field.low : `${field.high}:${field.low}`}
            </span>
            <span className={css.bitName}>{field.name}</span>
            <span className={css.bitValue}>{hex(field.value)}</span>
            <span className={css.bitMeaning}>{field.meaning}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
