import { useEffect, useRef } from 'react';
import css from './widgets.module.css';

interface Props {
  readonly label: string;
  /** What the field begins with. */
  readonly text: string;
  /** The text is what was typed already: more comes behind it. */
  readonly begun?: boolean;
  /** Characters that fit. */
  readonly digits: number;
  readonly valid: (text: string) => boolean;
  readonly onCommit: (text: string) => void;
  /** Editing has ended, by commit or not. `byKey`: the focus belongs back to what was edited. */
  readonly onEnd: (byKey: boolean) => void;
}

/** A field in place of a value: Enter and leaving it commit, Escape cancels. What is invalid is not committed. */
export function ValueInput({ label, text, begun = false, digits, valid, onCommit, onEnd }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const ended = useRef(false);
  useEffect(() => {
    input.current?.focus();
    if (!begun) input.current?.select();
  }, [begun]);
  const end = (commit: boolean, byKey: boolean) => {
    if (ended.current) return;
    const value = input.current?.value ?? '';
    if (commit && byKey && !valid(value)) {
      input.current?.setAttribute('aria-invalid', 'true');
      return;
    }
    ended.current = true;
    if (commit && valid(value) && (begun || value !== text)) onCommit(value);
    onEnd(byKey);
  };
  return (
    <input
      ref={input}
      className={css.valueField}
      style={{ width: `${digits + 1.2}ch` }}
      aria-label={label}
      defaultValue={text}
      maxLength={digits + 2}
      spellCheck={false}
      onBlur={() => end(true, false)}
      onChange={(event) => event.target.setAttribute('aria-invalid', String(!valid(event.target.value)))}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === 'Enter') end(true, true);
        if (event.key === 'Escape') end(false, true);
      }}
    />
  );
}
