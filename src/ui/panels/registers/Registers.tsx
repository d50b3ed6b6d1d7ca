import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { BitField, RegistersView, RegisterView } from '../../../protocol/processor-view.ts';
import { hex } from '../../format.ts';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import css from './Registers.module.css';

export function Registers({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'registers');
  const view = useView('registers');
  return (
    <Panel label="Registers" bar={view && <Bar view={view} />}>
      {view ? <Groups view={view} /> : <Missing view={view} what="registers" />}
    </Panel>
  );
}

function Bar({ view }: { readonly view: RegistersView }) {
  return (
    <>
      <VmTag vm={view.of.vm} />
      <span>vCPU {view.of.vcpu}</span>
      <strong className={css.mode}>{view.mode}</strong>
      <span className={css.legend}>
        <i className={css.mark} aria-hidden="true" /> changed since the last stop
      </span>
    </>
  );
}

function Groups({ view }: { readonly view: RegistersView }) {
  return (
    <div className={css.groups}>
      <section
        className={css.grid}
        aria-label="General registers"
        style={{ gridTemplateRows: `repeat(${Math.ceil(view.general.length / 2)}, auto)` }}
      >
        {view.general.map((register) => (
          <Register key={register.name} register={register} />
        ))}
      </section>
      <section aria-label="Instruction pointer and flags">
        <Register register={view.rip} />
        <Register register={view.rflags} />
        <Fields fields={view.rflags.fields} />
      </section>
      <section aria-label="Control registers">
        {view.control.map((register) => (
          <div key={register.name} className={css.control}>
            <Register register={register} />
            <Fields fields={register.fields} />
          </div>
        ))}
      </section>
      <Segments view={view} />
    </div>
  );
}

function Register({ register }: { readonly register: RegisterView }) {
  const digits = hex(register.value, register.bits / 4);
  const zeros = /^0*/.exec(digits)?.[0].length ?? 0;
  return (
    <div
      className={css.register}
      data-register={register.name}
      data-value={register.value}
      data-changed={register.changed}
    >
      <span className={css.name}>{register.name}</span>
      <span className={css.value}>
        <span className={css.zeros}>{digits.slice(0, zeros)}</span>
        {digits.slice(zeros)}
        {register.changed && <span className="unseen">, changed</span>}
      </span>
    </div>
  );
}

/** One-bit fields as lamps: lit when set. Wider fields carry their value. */
function Fields({ fields }: { readonly fields: readonly BitField[] }) {
  if (fields.length === 0) return null;
  return (
    <ul className={css.fields}>
      {fields.map((field) => {
        const wide = field.high > field.low;
        const where = wide ? `bits ${field.high}:${field.low}` : `bit ${field.low}`;
        return (
          <li
            key={field.name}
            className={css.field}
            data-set={field.value !== 0n}
            title={`${where}: ${field.meaning}`}
          >
            {field.name}
            {wide && `=${hex(field.value)}`}
            {!wide && <span className="unseen">{field.value ? ' set' : ' clear'}</span>}
          </li>
        );
      })}
    </ul>
  );
}

function Segments({ view }: { readonly view: RegistersView }) {
  return (
    <table className={css.segments}>
      <caption className="unseen">Segment registers with their hidden parts, and descriptor tables</caption>
      <thead>
        <tr>
          <th scope="col">segment</th>
          <th scope="col">base</th>
          <th scope="col">limit</th>
          <th scope="col">DPL</th>
          <th scope="col">type</th>
        </tr>
      </thead>
      <tbody>
        {view.segments.map((segment) => (
          <tr key={segment.name} data-changed={segment.changed}>
            <th scope="row">
              {segment.name} <span className={css.value}>{hex(segment.selector, 4)}</span>
            </th>
            <td className={css.value}>{hex(segment.base, 8)}</td>
            <td className={css.value}>{hex(segment.limit, 5)}</td>
            <td className={css.value}>{segment.dpl}</td>
            <td>{segment.type}</td>
          </tr>
        ))}
        {view.tables.map((table) => (
          <tr key={table.name}>
            <th scope="row">{table.name}</th>
            <td className={css.value}>{hex(table.base, 8)}</td>
            <td className={css.value}>{hex(table.limit, 4)}</td>
            <td />
            <td />
          </tr>
        ))}
      </tbody>
    </table>
  );
}
