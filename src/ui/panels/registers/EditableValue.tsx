import { useRef, useState } from 'react';
import { command } from '../../../client/lab.ts';
import type { VcpuRef } from '../../../protocol/target.ts';
import { hex, parseAddress } from '../../format.ts';
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
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const text = hex(value, digits);
  const zeros = /^0*/.exec(text)?.[0].length ?? 0;
  if (editing)
    return (
      <ValueInput
        label={`New value of ${register}`}
        text={text}
        digits={digits}
        valid={(typed) => parseAddress(typed) !== undefined}
        onCommit={(typed) => setRegister(of, register, parseAddress(typed) ?? value)}
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
      <span className="unseen">{register} </span>
      <span className={css.zeros}>{text.slice(0, zeros)}</span>
      {text.slice(zeros)}
      {changed && <span className="unseen">, changed</span>}
    </button>
  );
}
