/** Leaves out of a failing program what it does not need for failing. */
import type { Item, Program, Slice } from './random-program.ts';

/** Runs at most: a small program is worth some seconds. */
const MOST_ATTEMPTS = 3000;

/** @param fails whether a program still does */
export function shrink(program: Program, fails: (program: Program) => boolean): Program {
  let best = program;
  let attempts = 0;
  const attempt = (candidate: Program): boolean => {
    if (attempts++ >= MOST_ATTEMPTS || !fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let before = -1; before !== size(best); ) {
    before = size(best);
    leaveOut(
      () => best.items,
      (items) => attempt({ ...best, items }),
    );
    mergeSlices(() => best, attempt);
    leaveOut(
      () => best.slices,
      (slices) => attempt({ ...best, slices }),
    );
  }
  return best;
}

const size = ({ items, slices }: Program): number => items.length + slices.length;

/** Removes runs of elements, long ones first. `current` is what the last successful attempt left. */
function leaveOut<T extends Item | Slice>(
  current: () => readonly T[],
  attempt: (rest: readonly T[]) => boolean,
): void {
  for (let length = current().length >> 1; length > 0; length >>= 1) {
    for (let at = 0; at < current().length; ) {
      const list = current();
      if (!attempt([...list.slice(0, at), ...list.slice(at + length)])) at += length;
    }
  }
}

/** One slice in place of two, without events. */
function mergeSlices(current: () => Program, attempt: (program: Program) => boolean): void {
  for (let i = 0; i < current().slices.length; i++) {
    const { slices, ...rest } = current();
    const slice = slices[i];
    if (slice.event !== 'none') {
      attempt({ ...rest, slices: slices.with(i, { ...slice, event: 'none' }) });
    }
  }
  for (let i = 0; i + 1 < current().slices.length; ) {
    const { slices, ...rest } = current();
    const merged: Slice = { cycles: slices[i].cycles + slices[i + 1].cycles, event: slices[i + 1].event };
    const list = [...slices.slice(0, i), merged, ...slices.slice(i + 2)];
    if (slices[i].event !== 'none' || !attempt({ ...rest, slices: list })) i++;
  }
}
