import { useView } from '../../client/lab-store.ts';
import type { Written } from '../../protocol/written.ts';
import { whoWrote } from '../actions.ts';
import { Icon } from '../widgets/Icon.tsx';
import css from './WhoWroteButton.module.css';

/** Asks of a row that cannot have the focus itself; it is seen when the row is pointed at, or it has the focus. */
export function WhoWroteButton({ name, what }: { readonly name: string; readonly what: Written }) {
  const running = useView('machine')?.running ?? false;
  return (
    <button
      type="button"
      className={css.ask}
      disabled={running}
      aria-label={`Who wrote ${name}?`}
      title={`Who wrote ${name}? Goes back to what did`}
      onClick={() => whoWrote(what)}
    >
      <Icon name="runBack" />
    </button>
  );
}
