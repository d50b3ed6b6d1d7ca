import { useState } from 'react';
import type { AddressExpression } from '../../protocol/memory-view.ts';
import { formatExpression, parseExpression } from '../panels/memory/expression.ts';
import css from './widgets.module.css';

interface Props {
  readonly label: string;
  readonly value: AddressExpression;
  readonly onChange: (at: AddressExpression) => void;
}

const HINT = 'Hexadecimal digits or a register, with an offset if you like: ffff8000, rsp, rsp+0x40, fs:28';

/** A field for an address or a register with an offset; takes effect on Enter and when it is left. */
export function ExpressionInput({ label, value, onChange }: Props) {
  const [text, setText] = useState<string | null>(null);
  const parsed = text === null ? value : parseExpression(text);
  const commit = () => {
    if (text === null || parsed === undefined) return;
    onChange(parsed);
    setText(null);
  };
  return (
    <input
      className={css.field}
      style={{ width: '19ch' }}
      aria-label={label}
      aria-invalid={parsed === undefined}
      title={HINT}
      value={text ?? formatExpression(value)}
      spellCheck={false}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
        if (event.key === 'Escape') setText(null);
      }}
    />
  );
}
