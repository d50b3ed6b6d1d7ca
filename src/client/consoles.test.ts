import { expect, test } from 'vitest';
import { Consoles } from './consoles.ts';

const KIB = 1024;

test('a console that is opened later gets what was printed before', () => {
  const consoles = new Consoles();
  consoles.write(1, Uint8Array.of(1));
  consoles.write(2, Uint8Array.of(9));
  const seen: number[] = [];
  const detach = consoles.attach(1, (bytes) => seen.push(...bytes));
  consoles.write(1, Uint8Array.of(2));
  detach();
  consoles.write(1, Uint8Array.of(3));
  expect(seen).toEqual([1, 2]);
});

test('only the latest 256 KiB are kept', () => {
  const consoles = new Consoles();
  for (let i = 0; i < 300; i++) consoles.write(1, new Uint8Array(KIB).fill(i));
  let size = 0;
  consoles.attach(1, (bytes) => {
    size += bytes.length;
  });
  expect(size).toBe(256 * KIB);
});
