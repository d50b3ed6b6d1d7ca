import type { FrameOwner, FramesView } from '../../../protocol/hypervisor-view.ts';

export interface Range {
  readonly owner: FrameOwner;
  readonly index: number;
  /** First frame and number of frames. */
  readonly frame: number;
  readonly frames: number;
}

/** The run-length pairs of the view as ranges with their place. */
export function ranges(view: FramesView): Range[] {
  const all: Range[] = [];
  let frame = 0;
  for (let i = 0; i + 1 < view.runs.length; i += 2) {
    const index = view.runs[i] as number;
    const frames = view.runs[i + 1] as number;
    const owner = view.owners[index];
    if (owner !== undefined) all.push({ owner, index, frame, frames });
    frame += frames;
  }
  return all;
}

/**
 * For each of `cells` equal parts of memory, the owner (index) that holds most of it. A part that is
 * not wholly free shows who is in it, even if most of it is free: small things must be seen.
 */
export function cellOwners(view: FramesView, cells: number): Int32Array {
  const result = new Int32Array(cells).fill(-1);
  const best = new Float64Array(cells);
  const per = view.frames / cells;
  for (const { owner, index, frame, frames } of ranges(view)) {
    const first = Math.floor(frame / per);
    const last = Math.min(cells - 1, Math.floor((frame + frames - 1) / per));
    for (let cell = first; cell <= last; cell++) {
      const from = Math.max(frame, cell * per);
      const to = Math.min(frame + frames, (cell + 1) * per);
      const weight = owner.use === 'free' ? (to - from) * 1e-6 : to - from;
      if (weight > (best[cell] as number)) {
        best[cell] = weight;
        result[cell] = index;
      }
    }
  }
  return result;
}
