import { describe, expect, test } from 'vitest';
import { fitness } from './fitness.ts';

const NAMES = [
  'Run',
  'Run or pause',
  'Pause',
  'Run back to the previous stop (breakpoints and all others that are set)',
  'Set or clear a breakpoint at RIP',
  'Step back over a call',
  'Step over a call',
  'Panel: Stops',
  'Panel: Memory',
];

function best(typed: string): string[] {
  return NAMES.filter((name) => fitness(name, typed) > 0).sort(
    (a, b) => fitness(b, typed) - fitness(a, typed),
  );
}

describe('what was typed finds', () => {
  test.each([
    ['stops', ['Panel: Stops']],
    ['pause', ['Pause', 'Run or pause']],
    ['panel mem', ['Panel: Memory']],
    ['back step', ['Step back over a call']],
    ['over call', ['Step over a call', 'Step back over a call']],
    ['breakpoint', ['Set or clear a breakpoint at RIP', NAMES[3]]],
    ['zzz', []],
  ])('%s', (typed, names) => expect(best(typed)).toEqual(names));

  test('every name by itself', () => {
    for (const name of NAMES) expect(best(name)[0]).toBe(name);
  });
});
