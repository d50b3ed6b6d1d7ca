import { expect, test } from 'vitest';
import type { Crossing, RingPosition } from '../../../protocol/rings-view.ts';
import { BANDS, radius, sector, trace } from './geometry.ts';

const position: RingPosition = { on: { vm: 1, vcpu: 0 }, ring: 3, scheduled: true, halted: false };
const cross = (sequence: number, from: Crossing['from'], to: Crossing['to']): Crossing => ({
  sequence,
  on: position.on,
  from,
  to,
  cause: 'syscall',
  detail: '',
  rip: 0n,
  at: sequence,
  cost: 1,
});

test('less privileged rings lie further out', () => {
  const radii = BANDS.map(({ ring }) => radius(ring));
  expect(radii).toEqual([...radii].sort((a, b) => b - a));
});

test('sectors of several vCPUs do not overlap', () => {
  for (let index = 0; index + 1 < 4; index++) {
    expect(sector(index, 4).to).toBeLessThan(sector(index + 1, 4).from);
  }
});

test('a trace joins each crossing to the next and ends at the marker', () => {
  const { jumps, marker, stays } = trace(position, [cross(1, 3, 0), cross(2, 0, 3)], 0, 1);
  expect(
    jumps.map(({ start, end }) => [Math.hypot(start.x, start.y), Math.hypot(end.x, end.y)].map(Math.round)),
  ).toEqual([
    [radius(3), radius(0)],
    [radius(0), radius(3)],
  ]);
  expect(Math.hypot(marker.x, marker.y)).toBeCloseTo(radius(3));
  expect(stays.match(/M/g)).toHaveLength(3);
});
