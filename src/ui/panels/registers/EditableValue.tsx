import { useRef, useState } from 'react';
import { command } from '../../../client/lab.ts';
import type { VcpuRef } from '../../../protocol/target.ts';
import { hex, parseHex } from '../../format.ts';
import { ValueInput } from '../../widgets/ValueInput.tsx';
import css from './Registers.module.css';

interface Props {
  readonly of: VcpuRef;
  /** As the machine knows it. */
  readonly register: string;
  readonly value: bigint;
  readonly digits: number;
  readonly changed: boolean;
}

export function setRegister(on: VcpuRef, register: string, value: bigint): void {
  void command({ kind: 'edit', edit: { kind: 'register', on, register, value } });
}

/** A value in hexadecimal, leading zeros faint; a double click or Enter lets it be changed. */
export function EditableValue({ of, register, value, digits, changed }: Props) {
  const text = hex(value, digits);
  const zeros = /^0*/.exec(text)?.[0].length ?? 0;
  return (
    <Editable
      name={register}
      text={text}
      digits={digits}
      faint={zeros}
      changed={changed}
      valid={(typed) => parseHex(typed, digits) !== undefined}
      onCommit={(typed) => setRegister(of, register, parseHex(typed, digits) ?? value)}
    />
  );
}

interface EditableProps {
  readonly name: string;
  readonly text: string;
  /** Characters that a new value may have. */
  readonly digits: number;
  /** Characters at the beginning that say little. */
  readonly faint?: number;
  readonly changed: boolean;
  readonly valid: (typed: string) => boolean;
  readonly onCommit: (typed: string) => void;
}

/** A text that a double click or Enter lets change. */
export function Editable({ name, text, digits, faint = 0, changed, valid, onCommit }: EditableProps) {
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  if (editing)
    return (
      <ValueInput
        label={`New value of ${name}`}
        text={text}
        digits={digits}
        valid={valid}
        onCommit={onCommit}
        onEnd={(byKey) => {
          setEditing(false);
          if (byKey) queueMicrotask(() => button.current?.focus());
        }}
      />
    );
  return (
    <button
      ref={button}
      type="button"
      className={css.edit}
      title="Double-click or press Enter to change it; w: who wrote it?"
      onDoubleClick={() => setEditing(true)}
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return;
        event.preventDefault();
        setEditing(true);
      }}
    >
      <span className="unseen">{name} </span>
      <span className={css.zeros}>{text.slice(0, faint)}</span>
      {text.slice(faint)}
      {changed && <span className="unseen">, changed</span>}
    </button>
  );
}
