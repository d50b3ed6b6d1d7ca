import { expect, test } from 'vitest';
import { codeView } from './code.ts';
import { longModeState } from './testing.ts';

const BASE = 0x1000n;
/** push rbp; mov rbp,rsp; mov rax,cr3; cpuid; nop; hlt */
const CODE = Uint8Array.of(0x55, 0x48, 0x89, 0xe5, 0x0f, 0x20, 0xd8, 0x0f, 0xa2, 0x90, 0xf4);

function read(address: bigint, length: number): Uint8Array {
  const from = Number(address - BASE);
  return from < 0 ? new Uint8Array() : CODE.slice(from, from + length);
}

function view(rip: bigint, from: bigint | null = null) {
  return codeView({
    of: { vm: 1, vcpu: 0 },
    state: longModeState({ rip }),
    technique: 'vt-x',
    from,
    lines: 6,
    breakpoints: new Set([0x1004n]),
    read,
    nameOf: (address) => (address < BASE ? undefined : { name: 'start', offset: Number(address - BASE) }),
  });
}

test('starts a few whole instructions before RIP and marks it', () => {
  const { lines, ended } = view(0x1007n);
  expect(lines.map(({ address, text }) => [address, text])).toEqual([
    [0x1000n, 'push rbp'],
    [0x1001n, 'mov rbp, rsp'],
    [0x1004n, 'mov rax, cr3'],
    [0x1007n, 'cpuid'],
    [0x1009n, 'nop'],
    [0x100an, 'hlt'],
  ]);
  expect(lines.filter(({ current }) => current).map(({ address }) => address)).toEqual([0x1007n]);
  expect(lines.filter(({ breakpoint }) => breakpoint).map(({ address }) => address)).toEqual([0x1004n]);
  expect(ended).toBeNull();
});

test('says what an instruction means for virtualization', () => {
  const notes = Object.fromEntries(view(0x1000n).lines.map(({ text, notes }) => [text, notes]));
  expect(notes['push rbp']).toEqual([]);
  expect(notes['mov rax, cr3']).toEqual(['CPL 0', 'may exit']);
  expect(notes.cpuid).toEqual(['VM exit']);
  expect(notes.hlt).toEqual(['CPL 0', 'may exit']);
});

test('stops where memory ends, in the middle of an instruction too', () => {
  expect(view(0x1009n, 0x1009n)).toMatchObject({ lines: [{ text: 'nop' }, { text: 'hlt' }] });
  expect(view(0x1009n, 0x1009n).ended).toBe('No memory is mapped from 0x100b on.');
  expect(view(0x5000n, 0x5000n)).toMatchObject({ lines: [], ended: 'No memory is mapped at 0x5000.' });
});

test('symbols name lines and what they refer to', () => {
  expect(view(0x1000n).lines.map(({ label }) => label)).toEqual(['start', null, null, null, null, null]);
  const jump = codeView({
    of: { vm: 1, vcpu: 0 },
    state: longModeState({ rip: BASE }),
    technique: 'vt-x',
    from: BASE,
    lines: 2,
    breakpoints: new Set(),
    // jmp 1010h; mov eax, [rel 1020h]
    read: () => Uint8Array.of(0xeb, 0x0e, 0x8b, 0x05, 0x18, 0, 0, 0),
    nameOf: (address) => ({ name: 'start', offset: Number(address - BASE) }),
  });
  expect(jump.lines.map(({ target }) => target)).toEqual(['start+0x10', 'start+0x20']);
});
