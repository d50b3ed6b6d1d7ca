import { MOST_STEPS } from '../../protocol/commands.ts';
import { Refusal } from '../refusal.ts';

/** Throws `Refusal` where one cannot step so many instructions with one command. */
export function checkStepCount(count = 1): void {
  if (Number.isInteger(count) && count >= 1 && count <= MOST_STEPS) return;
  throw new Refusal(
    `One cannot step ${count} instructions.`,
    'Steps',
    `A whole number from 1 to ${MOST_STEPS.toLocaleString('en')} can be stepped at once.`,
  );
}
