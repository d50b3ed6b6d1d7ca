import { expect, test } from 'vitest';
import { IdlePace, PieceSize, Speedometer } from './pace.ts';

test('pieces grow towards 1 ms, and shrink to it at once', () => {
  const size = new PieceSize();
  for (let i = 0; i < 20; i++) size.learn(size.instructions, size.instructions / 200_000);
  expect(size.instructions).toBe(200_000);
  size.learn(size.instructions, size.instructions / 5000);
  expect(size.instructions).toBe(5000);
});

test('a piece that ended early teaches nothing', () => {
  const size = new PieceSize();
  const before = size.instructions;
  size.learn(10, 0.01);
  expect(size.instructions).toBe(before);
});

test('idle time is slept off less the time already taken', () => {
  const pace = new IdlePace();
  expect(pace.rest(16, 6)).toBe(10);
  pace.slept(10);
  expect(pace.rest(0, 8)).toBe(0);
});

test('a long idle time is slept in pieces', () => {
  const pace = new IdlePace();
  expect(pace.rest(120, 0)).toBe(50);
  pace.slept(50);
  expect(pace.rest(0, 0)).toBe(50);
});

test('the speed is measured over at least 400 ms', () => {
  const speed = new Speedometer();
  speed.start(0);
  speed.add(1000, 100);
  expect(speed.perSecond).toBe(0);
  speed.add(1000, 500);
  expect(speed.perSecond).toBe(4000);
});
