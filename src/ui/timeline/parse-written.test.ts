import { expect, test } from 'vitest';
import { parseWritten } from './parse-written.ts';

test('registers by name, memory by address', () => {
  expect(parseWritten(' RAX ')).toEqual({ kind: 'register', name: 'rax' });
  expect(parseWritten('cr3')).toEqual({ kind: 'register', name: 'cr3' });
  expect(parseWritten('ia32_lstar')).toEqual({ kind: 'register', name: 'ia32_lstar' });
  expect(parseWritten('guest_rip')).toEqual({ kind: 'field', name: 'GUEST_RIP' });
  const memory = { kind: 'memory', length: 8 };
  expect(parseWritten('0x1000')).toEqual({ ...memory, space: 'linear', address: 0x1000n });
  expect(parseWritten('7c00')).toEqual({ ...memory, space: 'linear', address: 0x7c00n });
  expect(parseWritten('gpa:0xabc')).toEqual({ ...memory, space: 'guest-physical', address: 0xabcn });
  expect(parseWritten('HPA:ff0')).toEqual({ ...memory, space: 'host-physical', address: 0xff0n });
  expect(parseWritten('0xffd')).toMatchObject({ length: 3 });
  for (const nothing of ['', 'rax + 8', 'gpa:rax', '0x', '12345678901234567'])
    expect(parseWritten(nothing)).toBeUndefined();
});
