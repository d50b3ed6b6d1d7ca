import { describe, expect, test } from 'vitest';
import { addSample, type Sample, stretches } from './history.ts';

const sample = (ns: number, instructions: number, compiled: number): Sample => ({
  ns,
  instructions,
  compiled,
});

const historyOf = (...samples: Sample[]) => samples.reduce<readonly Sample[]>(addSample, []);

describe('the history of shares', () => {
  test('says what was executed between two samples', () => {
    const history = historyOf(sample(0, 0, 0), sample(10, 100, 0), sample(30, 300, 150));
    expect(stretches(history)).toEqual([
      { from: 0, to: 10, instructions: 100, share: 0 },
      { from: 10, to: 30, instructions: 200, share: 0.75 },
    ]);
  });

  test('does not grow while the machine stands still', () => {
    expect(historyOf(sample(0, 5, 1), sample(0, 5, 1), sample(9, 5, 1))).toHaveLength(1);
  });

  test('begins anew with another computer', () => {
    expect(historyOf(sample(5, 500, 400), sample(6, 20, 0))).toEqual([sample(6, 20, 0)]);
  });

  test('forgets the oldest', () => {
    const many = Array.from({ length: 1000 }, (_, i) => sample(i, i * 10, i));
    const history = historyOf(...many);
    expect(history.length).toBeLessThan(200);
    expect(history.at(-1)).toBe(many[999]);
  });
});
