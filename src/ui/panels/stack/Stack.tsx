import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { StackGuess, StackRow, StackView } from '../../../protocol/stack-view.ts';
import { WhoWroteButton } from '../../context-menu/WhoWroteButton.tsx';
import { asksWhoWrote, writtenBytes } from '../../context-menu/who-wrote.ts';
import { hex, short } from '../../format.ts';
import { showCode } from '../../places.ts';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import css from './Stack.module.css';

const GUESSES: Readonly<Record<StackGuess, string>> = {
  return: 'return address',
  frame: 'frame pointer',
  stack: 'into the stack',
  symbol: 'symbol',
};

/** The stack from its top upwards, with a guess of what each value is, and the calls under way. */
export function Stack({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'stack');
  const view = useView('stack');
  const bar = view && (
    <>
      <VmTag vm={view.of.vm} />
      <span>vCPU {view.of.vcpu}</span>
      <span>
        top <code>{short(view.top)}</code>, rows of {view.width} bytes
      </span>
    </>
  );
  return (
    <Panel label="Stack" bar={bar}>
      {view ? (
        <>
          <Calls view={view} />
          <Rows view={view} />
        </>
      ) : (
        <Missing view={view} what="stack" />
      )}
    </Panel>
  );
}

function Calls({ view }: { readonly view: StackView }) {
  return (
    <section className={css.calls} aria-label="Calls">
      <h2>
        Calls, innermost first{' '}
        <span>
          {view.method === 'frame pointers'
            ? 'by the chain of frame pointers'
            : 'a guess: every return address on the stack'}
        </span>
      </h2>
      <ol>
        {view.calls.map(({ address, name, at, call }, n) => (
          <li key={at === null ? 'rip' : String(at)}>
            <button
              type="button"
              className={css.link}
              title="Show this code"
              onClick={() => showCode(n === 0 ? null : address)}
            >
              {name ?? short(address)}
            </button>
            <span className={css.note}>{at === null ? 'runs next' : `after ${call}`}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Rows({ view }: { readonly view: StackView }) {
  const digits = view.top >> 32n === 0n ? 8 : 16;
  return (
    <>
      <table className={`${widgets.table} ${css.rows}`}>
        <caption className="unseen">Values on the stack from its top upwards</caption>
        <thead>
          <tr>
            <th scope="col">offset</th>
            <th scope="col">address</th>
            <th scope="col">value</th>
            <th scope="col">likely a</th>
          </tr>
        </thead>
        <tbody>
          {view.rows.map((row) => (
            <tr
              key={String(row.address)}
              data-changed={row.changed}
              {...asksWhoWrote(slotName(row, view), slotOf(row, view))}
            >
              <th scope="row" className={widgets.code}>
                +{hex(row.address - view.top)}
              </th>
              <td className={widgets.code}>{hex(row.address, digits)}</td>
              <td className={`${widgets.code} ${css.value}`}>
                {hex(row.value, view.width * 2)}
                {row.changed && <span className="unseen">, changed</span>}{' '}
                <WhoWroteButton name={slotName(row, view)} what={slotOf(row, view)} />
              </td>
              <td className={`${widgets.wraps} ${css.guess}`}>
                <Guess row={row} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {view.ended && <p className={css.ended}>{view.ended}</p>}
    </>
  );
}

const slotName = ({ address }: StackRow, { top }: StackView): string => `the stack at +${hex(address - top)}`;

const slotOf = ({ address }: StackRow, { width }: StackView) => writtenBytes('linear', address, width);

function Guess({ row: { guess, text, target } }: { readonly row: StackRow }) {
  if (guess === null || target === null) return null;
  const isCode = guess === 'return' || guess === 'symbol';
  return (
    <>
      {isCode ? (
        <button type="button" className={css.link} title="Show this code" onClick={() => showCode(target)}>
          {GUESSES[guess]}
        </button>
      ) : (
        GUESSES[guess]
      )}{' '}
      <span className={css.note}>{text}</span>
    </>
  );
}
