import { MOST_STEPS } from '../../protocol/commands.ts';
import { stepCount, useStepCount } from './step-count.ts';
import css from './Timeline.module.css';

/** How many instructions a step is, forwards and back. */
export function StepCount() {
  const { text } = useStepCount();
  const count = stepCount();
  return (
    <label
      className={css.steps}
      title="Instructions that Step (F11) and Step back (Ctrl+F11) go at once; Pause (F6) ends them"
    >
      Steps
      <input
        type="number"
        min={1}
        max={MOST_STEPS}
        value={text}
        aria-invalid={!Number.isInteger(count) || count < 1 || count > MOST_STEPS}
        onChange={(event) => useStepCount.setState({ text: event.target.value })}
      />
    </label>
  );
}
