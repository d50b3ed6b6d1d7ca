import { expect, test } from 'vitest';
import { formatExpression, moved, parseExpression } from './expression.ts';

test.each([
  ['0x1000', { segment: null, register: null, offset: 0x1000n }],
  ["ffff8000'00100000", { segment: null, register: null, offset: 0xffff_8000_0010_0000n }],
  ['RSP', { segment: null, register: 'rsp', offset: 0n }],
  ['rsp + 0x40', { segment: null, register: 'rsp', offset: 0x40n }],
  ['rbp-8', { segment: null, register: 'rbp', offset: -8n }],
  ['fs:28', { segment: 'fs', register: null, offset: 0x28n }],
  ['es:di', { segment: 'es', register: 'di', offset: 0n }],
  ['gdtr+8', { segment: null, register: 'gdtr', offset: 8n }],
])('%s is an address', (text, expected) => {
  expect(parseExpression(text)).toEqual(expected);
});

test.each(['', 'main', 'rsp+', 'rsp*2', 'xs:10', '0x1_0000_0000_0000_0000'])('%s is none', (text) => {
  expect(parseExpression(text)).toBeUndefined();
});

test('what is formatted reads back as the same', () => {
  for (const text of ['0x1000', 'rsp', 'rsp+0x40', 'rbp-0x8', 'fs:0x28', 'es:di+0x2']) {
    const expression = parseExpression(text);
    expect(expression && formatExpression(expression)).toBe(text);
  }
});

test('moving stays inside the address space', () => {
  const at = (offset: bigint) => ({ segment: null, register: null, offset });
  expect(moved(at(0x20n), -0x40n)).toEqual(at(0n));
  expect(moved(at(0x20n), 0x40n)).toEqual(at(0x60n));
  expect(moved({ segment: null, register: 'rsp', offset: 0n }, -16n).offset).toBe(-16n);
});
