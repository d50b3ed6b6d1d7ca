import { create } from 'zustand';

/** What stands in the field "Steps". */
export const useStepCount = create<{ readonly text: string }>(() => ({ text: '1' }));

/** Instructions that a step is; what is no number is refused where it is obeyed. */
export function stepCount(): number {
  return Number(useStepCount.getState().text);
}
