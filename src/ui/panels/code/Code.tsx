import { useEffect, useRef } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { CodeLine, CodeView } from '../../../protocol/processor-view.ts';
import { runTo, toggleBreakpoint } from '../../actions.ts';
import { hex, short } from '../../format.ts';
import { showCode, usePlaces } from '../../places.ts';
import { AddressInput } from '../../widgets/AddressInput.tsx';
import { Button } from '../../widgets/Button.tsx';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import css from './Code.module.css';
import { explain, Instruction } from './Instruction.tsx';
import { Operands } from './Operands.tsx';

export function Code({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'code', 'instruction');
  const view = useView('code');
  const from = usePlaces(({ code }) => code);
  const bar = (
    <>
      {view && <VmTag vm={view.of.vm} />}
      {view && <span>vCPU {view.of.vcpu}</span>}
      <AddressInput
        label="Disassemble at address"
        value={from}
        placeholder="follows RIP"
        onChange={showCode}
      />
      {from !== null && (
        <Button small onClick={() => showCode(null)}>
          Back to RIP
        </Button>
      )}
      {view && <span className={css.bitness}>{view.bitness}-bit code</span>}
    </>
  );
  return (
    <Panel label="Code" bar={bar}>
      {view ? (
        <div className={css.parts}>
          <div className={css.scroll}>
            <Listing view={view} />
          </div>
          <Instruction />
        </div>
      ) : (
        <Missing view={view} what="code" />
      )}
    </Panel>
  );
}

function Listing({ view }: { readonly view: CodeView }) {
  const current = useRef<HTMLTableRowElement>(null);
  const running = useView('machine')?.running ?? false;
  const low = view.lines.every(({ address }) => address >> 32n === 0n);
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls when RIP moves, not on every snapshot
  useEffect(() => {
    explain(null);
    if (running) return;
    // In newer browsers this returns a promise, which must not become the effect's clean-up.
    void current.current?.scrollIntoView({ block: 'nearest' });
  }, [view.rip, running]);
  return (
    <>
      <table className={css.listing} onMouseLeave={() => explain(null)}>
        <caption className="unseen">Disassembly; the marked line runs next</caption>
        <thead className="unseen">
          <tr>
            <th scope="col">Breakpoint</th>
            <th scope="col">Linear address</th>
            <th scope="col">Bytes</th>
            <th scope="col">Instruction</th>
            <th scope="col">Notes</th>
          </tr>
        </thead>
        <tbody>
          {view.lines.map((line) => (
            <Line key={String(line.address)} line={line} low={low} ref={line.current ? current : undefined} />
          ))}
        </tbody>
      </table>
      {view.ended && <p className={css.ended}>{view.ended}</p>}
    </>
  );
}

/** For the pointer; the keyboard has keys on the breakpoint for it. */
function Go({ line, backwards = false }: { readonly line: CodeLine; readonly backwards?: boolean }) {
  const what = `${backwards ? 'Run back' : 'Run'} to ${short(line.address)}`;
  return (
    <Button
      small
      tabIndex={-1}
      icon={backwards ? 'runBack' : 'run'}
      aria-label={what}
      title={what}
      onClick={() => runTo(line.address, backwards)}
    />
  );
}

interface LineProps {
  readonly line: CodeLine;
  /** No address that is shown needs its upper half: it goes where room is short. */
  readonly low: boolean;
  readonly ref: React.Ref<HTMLTableRowElement> | undefined;
}

function Line({ line, low, ref }: LineProps) {
  const digits = hex(line.address, 16);
  const [mnemonic, ...rest] = line.text.split(' ');
  return (
    <>
      {line.label && (
        <tr className={css.label}>
          <td />
          <th scope="row" colSpan={4}>
            {line.label}:
          </th>
        </tr>
      )}
      <tr
        ref={ref}
        className={css.line}
        onMouseEnter={() => explain(line.address)}
        onFocus={() => explain(line.address)}
        aria-current={line.current || undefined}
      >
        <td className={css.gutter}>
          <button
            type="button"
            className={css.dot}
            aria-pressed={line.breakpoint}
            aria-label={`Breakpoint at ${short(line.address)}`}
            aria-keyshortcuts="Control+Enter Control+Shift+Enter"
            title="Breakpoint; Ctrl+Enter runs to here, Ctrl+Shift+Enter back to here"
            onClick={() => void toggleBreakpoint(line.address)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || !event.ctrlKey) return;
              event.preventDefault();
              runTo(line.address, event.shiftKey);
            }}
          />
        </td>
        <th scope="row" className={css.address}>
          <span className={low ? css.zeros : undefined}>{digits.slice(0, 8)}</span>
          {digits.slice(8)}
        </th>
        <td className={css.bytes}>{Array.from(line.bytes, (byte) => hex(byte, 2)).join(' ')}</td>
        <td className={css.text}>
          <span className={css.mnemonic}>{mnemonic}</span> <Operands text={rest.join(' ')} />
          {line.target && <span className={css.symbol}> {line.target}</span>}
        </td>
        <td className={css.notes}>
          <span className={css.go}>
            <Go line={line} backwards />
            <Go line={line} />
          </span>
          {line.notes.map((note) => (
            <span key={note} className={css.note}>
              {note}
            </span>
          ))}
        </td>
      </tr>
    </>
  );
}
