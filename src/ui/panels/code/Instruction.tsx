import { useView } from '../../../client/lab-store.ts';
import { setWatchParameters } from '../../../client/watch.ts';
import { hex } from '../../format.ts';
import css from './Code.module.css';

let explained: bigint | null = null;

/** Chooses the instruction that is explained; null follows RIP. */
export function explain(instruction: bigint | null): void {
  // Every new wish makes all views due.
  if (instruction === explained) return;
  explained = instruction;
  setWatchParameters({ instruction });
}

/** One instruction taken apart: encoding, operands as they are now, privilege. */
export function Instruction() {
  const view = useView('instruction');
  if (!view) return null;
  return (
    <section className={css.instruction} aria-label="Instruction explained">
      <h2>
        <code>{hex(view.address)}</code> <code>{view.text}</code>
      </h2>
      <ul className={css.encoding} aria-label="Encoding">
        {view.parts.map(({ name, bytes, meaning }, n, all) => (
          <li key={`${name} ${all.slice(0, n).length}`} title={meaning}>
            <code>{Array.from(bytes, (byte) => hex(byte, 2)).join(' ')}</code>
            <span>{name}</span>
            <span className={css.meaning}>{meaning}</span>
          </li>
        ))}
      </ul>
      {view.operands.length > 0 && (
        <ul className={css.operands} aria-label="Operands">
          {view.operands.map(({ text, value, address }) => (
            <li key={`${text} ${address}`}>
              <code>{text}</code> {address !== null && <>at {address} </>}
              {value !== '' && (
                <>
                  is <code>{value}</code>
                </>
              )}
            </li>
          ))}
        </ul>
      )}
      {view.notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
    </section>
  );
}
