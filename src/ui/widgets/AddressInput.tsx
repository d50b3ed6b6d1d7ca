import { useState } from 'react';
import { parseAddress, short } from '../format.ts';
import css from './widgets.module.css';

interface Props {
  readonly label: string;
  readonly value: bigint | null;
  readonly placeholder: string;
  /** Null: the field was emptied. */
  readonly onChange: (address: bigint | null) => void;
}

/** A field for a hexadecimal address; takes effect on Enter, when it is left, or emptied. */
export function AddressInput({ label, value, placeholder, onChange }: Props) {
  const [text, setText] = useState<string | null>(null);
  const shown = text ?? (value === null ? '' : short(value));
  const invalid = text !== null && text.trim() !== '' && parseAddress(text) === undefined;
  const commit = () => {
    if (text === null || invalid) return;
    onChange(parseAddress(text) ?? null);
    setText(null);
  };
  return (
    <input
      className={css.field}
      style={{ width: '21ch' }}
      aria-label={label}
      aria-invalid={invalid}
      title={invalid ? 'Up to 16 hexadecimal digits, for example ffff8000`00100000 or 0x1000' : label}
      placeholder={placeholder}
      value={shown}
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
