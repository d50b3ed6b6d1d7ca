import { type Ref, useEffect, useRef } from 'react';
import { useLab, useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { MicroOperationView, MicroView } from '../../../protocol/micro-view.ts';
import { microStep, microStepBack } from '../../actions.ts';
import { hex, short } from '../../format.ts';
import { Button } from '../../widgets/Button.tsx';
import { Empty, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import css from './Micro.module.css';

const STEPS = {
  instruction: 'instruction at',
  event: 'event before the instruction at',
  host: 'hypervisor, in ring −1, at',
} as const;

/** What one instruction, event or turn of the hypervisor consists of, and how far it has got. */
export function Micro({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'micro');
  const view = useView('micro');
  const running = useView('machine')?.running ?? false;
  const focus = useLab((state) => state.focus);
  const disabled = running || focus === null;
  const bar = (
    <>
      <Button
        small
        icon="back"
        disabled={disabled}
        onClick={microStepBack}
        title="Back one micro-operation (Alt+Shift+F11)"
      >
        Back
      </Button>
      <Button small icon="into" disabled={disabled} onClick={microStep} title="One micro-operation (Alt+F11)">
        Micro-step
      </Button>
      {view && (
        <>
          <VmTag vm={view.of.vm} />
          <span>
            {STEPS[view.step]} <code>{short(view.rip)}</code>
          </span>
        </>
      )}
    </>
  );
  return (
    <Panel label="Micro-operations" bar={bar}>
      {view ? (
        <Operations view={view} />
      ) : (
        <Empty title="Between two steps">
          Alt+F11 goes through the next instruction or event one micro-operation at a time: the references of
          its page walks, its accesses, a VM exit, the hypervisor's work, the entry. Alt+Shift+F11 goes back.
        </Empty>
      )}
    </Panel>
  );
}

function Operations({ view }: { readonly view: MicroView }) {
  const { operations, cursor } = view;
  const current = useRef<HTMLTableRowElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another step may have its cursor at the same row
  useEffect(() => {
    current.current?.scrollIntoView({ block: 'nearest' });
  }, [cursor, operations]);
  return (
    <table className={`${widgets.table} ${css.list}`}>
      <caption className="unseen">
        Micro-operations in their order; {cursor + 1} of {operations.length} are made
      </caption>
      <thead>
        <tr>
          <th scope="col" className={widgets.number}>
            #
          </th>
          <th scope="col">what</th>
          <th scope="col">at</th>
          <th scope="col">value</th>
          <th scope="col">note</th>
        </tr>
      </thead>
      <tbody>
        {operations.map((operation, index) => (
          <Row
            // biome-ignore lint/suspicious/noArrayIndexKey: an operation is its place in the step
            key={index}
            operation={operation}
            number={index + 1}
            state={index < cursor ? 'made' : index === cursor ? 'current' : 'to come'}
            row={index === cursor ? current : null}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  readonly operation: MicroOperationView;
  readonly number: number;
  readonly state: 'made' | 'current' | 'to come';
  readonly row: Ref<HTMLTableRowElement>;
}

function Row({ operation, number, state, row }: RowProps) {
  const { kind, what, at, value, note, fields } = operation;
  return (
    <>
      <tr
        ref={row}
        className={css.row}
        data-state={state}
        aria-current={state === 'current' ? 'step' : undefined}
      >
        <th scope="row" className={widgets.number}>
          {number}
        </th>
        <td className={css.what} data-kind={kind}>
          {what}
          {state === 'to come' && <span className="unseen">, to come</span>}
        </td>
        <td className={widgets.code}>
          {at && (
            <>
              <span className={css.space}>{SPACES[at.space]}</span> {short(at.address)}
            </>
          )}
        </td>
        <td className={widgets.code}>{value}</td>
        <td className={`${css.note} ${widgets.wraps}`}>{note}</td>
      </tr>
      {state === 'current' && fields.length > 0 && (
        <tr className={css.fields}>
          <td />
          <td colSpan={4}>
            <dl>
              {fields.map((field) => (
                <div key={field.name}>
                  <dt>{field.name}</dt>
                  <dd>{hex(field.value)}</dd>
                </div>
              ))}
            </dl>
          </td>
        </tr>
      )}
    </>
  );
}

const SPACES = { linear: 'linear', 'guest-physical': 'guest', 'host-physical': 'host' } as const;
