import type { AssembledProgram, ProgramError, ProgramPlace } from '../../../protocol/assembly.ts';
import { count, short } from '../../format.ts';
import css from './Editor.module.css';
import { placeOf } from './line-map.ts';
import { useProgram } from './program-store.ts';

/** Id of the sentence that says how to leave the text by keyboard. */
export const HINT = 'editor-hint';

/** Errors shown; more than these help nobody. */
const SHOWN = 50;

/** What came of the latest text: its errors, each a way to its place, or the program's sizes. */
export function Outcome({ name, onGoTo }: Props) {
  const result = useProgram((state) => state.result);
  return (
    <>
      {result !== null && result.errors.length > 0 && (
        <Errors errors={result.errors} name={name} onGoTo={onGoTo} />
      )}
      <footer className={css.foot}>
        <span className={css.name}>{name}</span>
        {result === null && <span>Assembling…</span>}
        {result?.program && <Summary program={result.program} />}
        <span id={HINT} className={css.hint}>
          <kbd>Esc</kbd> <kbd>Tab</kbd> leaves the text · <kbd>F9</kbd> breakpoint · <kbd>Ctrl F</kbd> search
        </span>
      </footer>
    </>
  );
}

interface Props {
  /** Of the program. */
  readonly name: string;
  readonly onGoTo: (place: ProgramPlace) => void;
}

function Errors({ errors, name, onGoTo }: Props & { readonly errors: readonly ProgramError[] }) {
  return (
    <section className={css.errors} aria-label="Errors">
      <ul>
        {errors.slice(0, SHOWN).map((error) => (
          <li key={keyOf(error)}>
            <button type="button" onClick={() => onGoTo(error)}>
              <span className={css.place}>{placeOf(error, name)}</span>
              <span>{error.message}</span>
            </button>
            {error.context.map((context) => (
              <button
                key={`${context.kind} ${context.name} ${placeOf(context, '')}`}
                type="button"
                className={css.context}
                onClick={() => onGoTo(context)}
              >
                <span className={css.place}>{placeOf(context, name)}</span>
                <span>
                  {context.kind === 'macro' ? 'in the macro' : 'which includes'} {context.name}
                </span>
              </button>
            ))}
          </li>
        ))}
      </ul>
      {errors.length > SHOWN && <p className={css.more}>and {count(errors.length - SHOWN)} more</p>}
    </section>
  );
}

/** A macro that is used in a loop has the same error at the same place again and again. */
const keyOf = (error: ProgramError) =>
  [error, ...error.context].map((place) => placeOf(place, '')).join(' ') + error.message;

const bytes = (size: number) => `${count(size)} ${size === 1 ? 'byte' : 'bytes'}`;

function Summary({ program }: { readonly program: AssembledProgram }) {
  const { image, entry, sections } = program;
  return (
    <>
      <strong>Assembled</strong>
      <span>{bytes(image.length)}</span>
      <span>entry {short(entry)}</span>
      {sections.length > 1 &&
        sections.map(({ name, address, size }) => (
          <span key={name}>
            {name} {short(address)}, {bytes(size)}
          </span>
        ))}
    </>
  );
}
