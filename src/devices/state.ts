import type { Timer } from '../contracts/clock.ts';

/** A deep copy of plain JSON data, so that a saved state and a running device never share an array. */
export const copyState = <T>(state: T): T => JSON.parse(JSON.stringify(state)) as T;

/** The armed instant of a timer in the form it is saved in. */
export const savedTimer = (timer: Timer): number | null => timer.when ?? null;

/** Arms or cancels a timer as it was when saved. */
export function restoreTimer(timer: Timer, when: number | null): void {
  if (when === null) timer.cancel();
  else timer.set(when);
}
