import { expect, test } from 'vitest';
import type { FramesView } from '../../../protocol/hypervisor-view.ts';
import { cellOwners, ranges } from './ranges.ts';

const view: FramesView = {
  frameSize: 4096,
  frames: 100,
  owners: [
    { use: 'hypervisor', vm: null, label: 'hypervisor', frames: 10 },
    { use: 'guest', vm: 1, label: 'guest', frames: 1 },
    { use: 'free', vm: null, label: 'free', frames: 89 },
  ],
  runs: Uint32Array.of(0, 10, 2, 85, 1, 1, 2, 4),
};

test('ranges lie end to end over all frames', () => {
  const all = ranges(view);
  expect(all.map(({ frame, frames }) => [frame, frames])).toEqual([
    [0, 10],
    [10, 85],
    [95, 1],
    [96, 4],
  ]);
});

test('a single owned frame is seen in a cell that is mostly free', () => {
  expect([...cellOwners(view, 10)]).toEqual([0, 2, 2, 2, 2, 2, 2, 2, 2, 1]);
});
