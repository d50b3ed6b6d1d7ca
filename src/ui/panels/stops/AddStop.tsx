import { type FormEvent, useId, useState } from 'react';
import { CommandRefused } from '../../../client/connection.ts';
import { lab } from '../../../client/lab.ts';
import { useLab, useView } from '../../../client/lab-store.ts';
import { say } from '../../../client/notices.ts';
import { useWatch } from '../../../client/watch.ts';
import { triggerText } from '../../../protocol/stop-texts.ts';
import { hasLevel, type StopKind, type StopLevel, type StopSettings } from '../../../protocol/stops.ts';
import { machineTag } from '../../../protocol/target.ts';
import { Button } from '../../widgets/Button.tsx';
import { type Field, FieldError, initialValues, KINDS, type Values } from './kinds.ts';
import css from './Stops.module.css';

const LEVEL: Field = {
  name: 'level',
  label: 'At work',
  initial: 'any',
  choices: [
    { value: 'any', text: 'anyone' },
    { value: 'guest', text: 'the guest' },
    { value: 'host', text: 'the host' },
  ],
};
const CONDITION: Field = {
  name: 'condition',
  label: 'Only if',
  initial: '',
  placeholder: 'rax == 0x10 && [rsp + 8]:8 != 0',
};

export interface Problem {
  readonly field: string | null;
  readonly text: string;
}

/** The form for a new stop: only the fields that its kind has. */
export function AddStop({ onDone }: { readonly onDone: () => void }) {
  useWatch(true, 'vms');
  const vms = useView('vms') ?? [];
  const focus = useLab((state) => state.focus);
  const [kind, setKind] = useState<StopKind>('vm-exit');
  const [values, setValues] = useState<Values>(initialValues('vm-exit'));
  const [common, setCommon] = useState<Values>({ vm: `${focus?.vm ?? ''}`, level: 'any', condition: '' });
  const [problem, setProblem] = useState<Problem | null>(null);

  const machine: Field = {
    name: 'vm',
    label: 'Machine',
    initial: '',
    choices: [
      { value: '', text: 'all' },
      ...vms.map(({ id, name }) => ({ value: `${id}`, text: `${machineTag(id)} ${name}` })),
    ],
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const settings = settingsOf(kind, values, common);
      const id = await lab().send({ kind: 'add-stop', settings });
      say(`Stop ${id} set: ${triggerText(settings.trigger)}.`);
      onDone();
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  const show = (field: Field, from: Values, set: (values: Values) => void) => (
    <FieldInput
      key={field.name}
      field={field}
      value={from[field.name]}
      problem={problem?.field === field.name ? problem.text : null}
      onChange={(value) => {
        set({ ...from, [field.name]: value });
        setProblem(null);
      }}
    />
  );
  const choose = (value: string) => {
    setKind(value as StopKind);
    setValues(initialValues(value as StopKind));
    setProblem(null);
  };
  const kinds = Object.entries(KINDS).map(([value, { label }]) => ({ value, text: label }));
  return (
    <form className={css.form} aria-label="New stop" onSubmit={(event) => void submit(event)}>
      <FieldInput
        field={{ name: 'kind', label: 'Stop at', initial: '', choices: kinds }}
        value={kind}
        problem={null}
        onChange={choose}
      />
      {KINDS[kind].fields.map((field) => show(field, values, setValues))}
      {show(machine, common, setCommon)}
      {hasLevel(kind) && show(LEVEL, common, setCommon)}
      {show(CONDITION, common, setCommon)}
      <div className={css.foot}>
        {problem !== null && problem.field === null && (
          <p role="alert" className={css.problem}>
            {problem.text}
          </p>
        )}
        <Button small onClick={onDone}>
          Cancel
        </Button>
        <Button small look="primary" type="submit">
          Set
        </Button>
      </div>
    </form>
  );
}

function settingsOf(kind: StopKind, values: Values, { vm, level, condition }: Values): StopSettings {
  return {
    trigger: KINDS[kind].trigger(values),
    enabled: true,
    vm: vm === '' ? null : Number(vm),
    level: hasLevel(kind) ? (level as StopLevel) : 'any',
    condition,
    fromHit: 1,
  };
}

/** What went wrong, for the field that it is about. */
export function problemOf(error: unknown): Problem {
  if (error instanceof FieldError) return { field: error.field, text: error.message };
  if (!(error instanceof CommandRefused)) throw error;
  const { what, where, remedy } = error.error;
  return { field: where, text: remedy === null ? what : `${what} ${remedy}` };
}

interface FieldInputProps {
  readonly field: Field;
  readonly value: string;
  readonly problem: string | null;
  readonly onChange: (value: string) => void;
}

function FieldInput({ field, value, problem, onChange }: FieldInputProps) {
  const id = useId();
  const shared = {
    id,
    value,
    'aria-invalid': problem !== null,
    'aria-describedby': problem === null ? undefined : `${id}-problem`,
  };
  return (
    <div className={css.field} data-field={field.name}>
      <label htmlFor={id}>{field.label}</label>
      {field.choices ? (
        <select {...shared} onChange={(event) => onChange(event.target.value)}>
          {field.choices.map(({ value: choice, text }) => (
            <option key={choice} value={choice}>
              {text}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...shared}
          placeholder={field.placeholder}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {problem !== null && (
        <p id={`${id}-problem`} role="alert" className={css.problem}>
          {problem}
        </p>
      )}
    </div>
  );
}
