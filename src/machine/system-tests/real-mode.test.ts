import { expect, it } from 'vitest';
import { report } from './run-guest.ts';

it('reports', () => {
  expect(
    report(`
start:  mov ax, 0x1f0
        say "a:"
        value ax
        value 0
        newline
        finish
`),
  ).toEqual(['a: 1f0 0']);
});
