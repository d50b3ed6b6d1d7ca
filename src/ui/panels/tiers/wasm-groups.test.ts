import { expect, test } from 'vitest';
import { wasmGroups } from './wasm-groups.ts';

test('lines of one instruction come together, indented', () => {
  const lines = [
    { step: null, depth: 0, text: '(param $cpu i32)' },
    { step: 0, depth: 1, text: 'local.get $rax' },
    { step: 0, depth: 2, text: 'drop' },
    { step: 1, depth: 1, text: 'nop' },
    { step: 0, depth: 1, text: 'return' },
  ];
  expect(wasmGroups(lines)).toEqual([
    { step: null, depth: 0, text: '(param $cpu i32)' },
    { step: 0, depth: 1, text: '  local.get $rax\n    drop' },
    { step: 1, depth: 1, text: '  nop' },
    { step: 0, depth: 1, text: '  return' },
  ]);
});

test('no lines make no group', () => {
  expect(wasmGroups([])).toEqual([]);
});
