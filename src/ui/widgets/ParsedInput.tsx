import { useState } from 'react';
import css from './widgets.module.css';

interface Props<T> {
  readonly label: string;
  /** What stands in the field while nobody edits it. */
  readonly text: string;
  /** In characters. */
  readonly width: number;
  readonly placeholder?: string;
  /** What may be typed. */
  readonly hint: string;
  /** Undefined: the text means nothing. */
  readonly parse: (text: string) => T | undefined;
  readonly onChange: (value: T) => void;
}

/** A field for a text that means something; takes effect on Enter and when it is left, Escape gives the edit up. */
export function ParsedInput<T>({ label, text, width, placeholder, hint, parse, onChange }: Props<T>) {
  const [typed, setTyped] = useState<string | null>(null);
  const value = typed === null ? undefined : parse(typed);
  const commit = () => {
    if (value === undefined) return;
    onChange(value);
    setTyped(null);
  };
  return (
    <input
      className={css.field}
      style={{ width: `${width}ch` }}
      aria-label={label}
      aria-invalid={typed !== null && value === undefined}
      title={`${label}: ${hint}`}
      placeholder={placeholder}
      value={typed ?? text}
      spellCheck={false}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
        if (event.key === 'Escape') setTyped(null);
      }}
    />
  );
}
