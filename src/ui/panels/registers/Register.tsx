import type { BitField, RegisterView } from '../../../protocol/processor-view.ts';
import type { VcpuRef } from '../../../protocol/target.ts';
import { asksWhoWrote } from '../../context-menu/who-wrote.ts';
import { hex } from '../../format.ts';
import { EditableValue, setRegister } from './EditableValue.tsx';
import css from './Registers.module.css';

interface RegisterProps {
  readonly of: VcpuRef;
  readonly register: RegisterView;
  readonly title?: string;
}

export function Register({ of, register, title }: RegisterProps) {
  const { name, value, bits, changed } = register;
  return (
    <div
      className={css.register}
      data-register={name}
      data-value={value}
      data-changed={changed}
      title={title}
      {...asksWhoWrote(name, { kind: 'register', name })}
    >
      <span className={css.name}>{name}</span>
      <span className={css.value}>
        <EditableValue of={of} register={name} value={value} digits={bits / 4} changed={changed} />
      </span>
    </div>
  );
}

interface FieldsProps {
  readonly fields: readonly BitField[];
  /** Set where a bit can be toggled. */
  readonly toggles?: { readonly of: VcpuRef; readonly register: RegisterView };
}

/** One-bit fields as lamps: lit when set. Wider fields carry their value. */
export function Fields({ fields, toggles }: FieldsProps) {
  if (fields.length === 0) return null;
  return (
    <ul className={css.fields}>
      {fields.map((field) => (
        <Field key={field.name} field={field} toggles={toggles} />
      ))}
    </ul>
  );
}

function Field({ field, toggles }: { readonly field: BitField; readonly toggles: FieldsProps['toggles'] }) {
  const { name, high, low, value, meaning } = field;
  const wide = high > low;
  const where = wide ? `bits ${high}:${low}` : `bit ${low}`;
  const title = `${where}: ${meaning}`;
  if (toggles === undefined || wide)
    return (
      <li className={css.field} data-set={value !== 0n} title={title}>
        {name}
        {wide && `=${hex(value)}`}
        {!wide && <span className="unseen">{value ? ' set' : ' clear'}</span>}
      </li>
    );
  const { of, register } = toggles;
  return (
    <li className={css.toggle}>
      <button
        type="button"
        className={css.field}
        data-set={value !== 0n}
        aria-pressed={value !== 0n}
        title={`${title}. Press to change it`}
        {...(register.name === 'rflags'
          ? asksWhoWrote(name, { kind: 'register', name: name.toLowerCase() })
          : {})}
        onClick={() => setRegister(of, register.name, register.value ^ (1n << BigInt(low)))}
      >
        {name}
      </button>
    </li>
  );
}
