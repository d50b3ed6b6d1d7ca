import { useEffect, useId, useState } from 'react';
import { command, lab } from '../../../client/lab.ts';
import { triggerText } from '../../../protocol/stop-texts.ts';
import { hasLevel, type Stop, type StopSettings } from '../../../protocol/stops.ts';
import { count } from '../../format.ts';
import { Button } from '../../widgets/Button.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import { type Problem, problemOf } from './AddStop.tsx';
import css from './Stops.module.css';

interface Props {
  readonly stop: Stop;
  /** Time stands still because of it. */
  readonly reached: boolean;
}

export function StopRow({ stop, reached }: Props) {
  const [problem, setProblem] = useState<Problem | null>(null);
  // Shown from the click on, until the lab says the same.
  const [wanted, setWanted] = useState<boolean | null>(null);
  const id = useId();
  const { enabled, vm, trigger, level, hits, condition, fromHit } = stop;
  const text = triggerText(trigger);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was wanted is done when this changes
  useEffect(() => setWanted(null), [enabled]);
  /** @returns whether it was possible */
  const change = async (part: Partial<StopSettings>): Promise<boolean> => {
    const settings: StopSettings = { trigger, enabled, vm, level, condition, fromHit, ...part };
    try {
      await lab().send({ kind: 'change-stop', stop: stop.id, settings });
      setProblem(null);
      return true;
    } catch (error) {
      setProblem(problemOf(error));
      return false;
    }
  };
  const enable = async (on: boolean) => {
    setWanted(on);
    if (!(await change({ enabled: on }))) setWanted(null);
  };
  return (
    <li className={css.stop} aria-current={reached || undefined}>
      <div className={css.head}>
        <input
          type="checkbox"
          id={id}
          checked={wanted ?? enabled}
          onChange={(event) => void enable(event.target.checked)}
        />
        {vm === null ? <span className={css.all}>all</span> : <VmTag vm={vm} />}
        <label htmlFor={id} className={css.text} title={text}>
          {stop.id}: {text}
          {hasLevel(trigger.kind) && level !== 'any' && `, by the ${level}`}
        </label>
        <span className={css.hits}>
          {count(hits)} {hits === 1 ? 'hit' : 'hits'}
        </span>
        <Button
          small
          look="bare"
          icon="destroy"
          aria-label={`Remove stop ${stop.id}`}
          title="Remove"
          onClick={() => void command({ kind: 'remove-stop', stop: stop.id })}
        />
      </div>
      <div className={css.details}>
        <Edit
          label={`Condition of stop ${stop.id}`}
          caption="only if"
          value={condition}
          placeholder="always"
          wide
          problem={problem?.field === 'condition' ? `${id}-problem` : undefined}
          onCommit={(value) => change({ condition: value })}
        />
        <Edit
          label={`Stop ${stop.id} counts from this hit on`}
          caption="from hit"
          value={String(fromHit)}
          placeholder="1"
          problem={problem?.field === 'fromHit' ? `${id}-problem` : undefined}
          onCommit={(value) => change({ fromHit: Number(value) })}
        />
      </div>
      {problem !== null && (
        <p id={`${id}-problem`} role="alert" className={css.problem}>
          {problem.text}
        </p>
      )}
    </li>
  );
}

interface EditProps {
  readonly label: string;
  readonly caption: string;
  readonly value: string;
  readonly placeholder: string;
  readonly wide?: boolean;
  /** Id of the text that says what is wrong with it. */
  readonly problem: string | undefined;
  /** Answers whether the text was possible; if not, it stays to be corrected. */
  readonly onCommit: (value: string) => Promise<boolean>;
}

/** A text that takes effect on Enter, or when it is left; Escape brings the old one back. */
function Edit({ label, caption, value, placeholder, wide, problem, onCommit }: EditProps) {
  const [text, setText] = useState<string | null>(null);
  const commit = async () => {
    if (text !== null && (text === value || (await onCommit(text)))) setText(null);
  };
  return (
    <span className={wide ? css.wide : css.narrow}>
      <span aria-hidden="true">{caption}</span>
      <input
        aria-label={label}
        aria-invalid={problem !== undefined}
        aria-describedby={problem}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        value={text ?? value}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => void commit()}
        onKeyDown={(event) => {
          if (event.key === 'Enter') void commit();
          if (event.key === 'Escape') setText(null);
        }}
      />
    </span>
  );
}
