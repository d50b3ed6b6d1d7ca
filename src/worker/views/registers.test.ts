import { expect, test } from 'vitest';
import { CR0, FLAG } from '../../arch/registers.ts';
import { registersView } from './registers.ts';
import { longModeState } from './testing.ts';

const OF = { vm: 1, vcpu: 0 };

test('64-bit mode shows sixteen registers of 64 bits', () => {
  const view = registersView(OF, longModeState());
  expect(view.mode).toBe('64-bit mode');
  expect(view.general.map(({ name }) => name)).toEqual(
    'rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15'.split(' '),
  );
  expect(view.general.find(({ name }) => name === 'rbx')?.value).toBe(3n);
  expect(view.segments.find(({ name }) => name === 'cs')?.type).toBe('code 64-bit, execute/read');
});

test('real mode shows eight of 32 bits', () => {
  const view = registersView(OF, longModeState({ cr0: 0n, efer: 0n, general: [0x1_0000_0005n] }));
  expect(view.mode).toBe('real mode');
  expect(view.general).toHaveLength(8);
  expect(view.general[0]).toMatchObject({ name: 'eax', value: 5n, bits: 32 });
});

test('flags and control bits are taken apart where the manual has them', () => {
  const rflags = BigInt(FLAG.IF | FLAG.ZF | FLAG.IOPL | 2);
  const { rflags: shown, control } = registersView(OF, longModeState({ rflags }));
  const set = shown.fields.filter(({ value }) => value !== 0n);
  expect(set.map(({ name, value }) => [name, value])).toEqual([
    ['ZF', 1n],
    ['IF', 1n],
    ['IOPL', 3n],
  ]);
  const cr0 = control.find(({ name }) => name === 'cr0');
  expect(cr0?.fields.find(({ name }) => name === 'PG')).toMatchObject({ low: 31, high: 31, value: 1n });
  expect(cr0?.value).toBe(BigInt((CR0.PE | CR0.PG) >>> 0));
});
