import { expect, test } from 'vitest';
import { instructionView } from './instruction.ts';
import { longModeState } from './testing.ts';

const OF = { vm: 1, vcpu: 0 };

function view(
  bytes: readonly number[],
  change: Parameters<typeof longModeState>[0] = {},
  technique: 'vt-x' | 'amd-v' = 'vt-x',
) {
  const code = Uint8Array.from([...bytes, ...new Array(15).fill(0x90)]);
  const data = Uint8Array.of(0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0);
  const read = (address: bigint, length: number) => {
    if (address >= 0x1000n && address < 0x1100n)
      return code.slice(Number(address - 0x1000n)).slice(0, length);
    return address === 0x2030n ? data.slice(0, length) : new Uint8Array();
  };
  const state = longModeState({ rip: 0x1000n, ...change });
  return instructionView({ of: OF, state, technique, address: null, read });
}

const general = (values: Readonly<Record<number, bigint>>) =>
  Array.from({ length: 16 }, (_, n) => values[n] ?? 0n);

test('an instruction is taken apart into prefixes, opcode, ModRM, SIB, displacement and immediate', () => {
  // lock add dword [rax + rcx*4 + 10h], 12345678h
  const parts = view([0xf0, 0x81, 0x44, 0x88, 0x10, 0x78, 0x56, 0x34, 0x12])?.parts;
  expect(parts?.map(({ name, bytes, meaning }) => [name, [...bytes], meaning])).toEqual([
    ['prefix', [0xf0], 'LOCK'],
    ['opcode', [0x81], 'one-byte map'],
    ['ModRM', [0x44], 'mod 1, reg 0, rm 4'],
    ['SIB', [0x88], 'scale 4, index 1, base 0'],
    ['displacement', [0x10], '0x10'],
    ['immediate', [0x78, 0x56, 0x34, 0x12], '0x12345678'],
  ]);
  expect(view([0x48, 0x0f, 0xb6, 0xc1])?.parts.map(({ name }) => name)).toEqual(['REX', 'opcode', 'ModRM']);
  expect(view([0xeb, 0xfe])?.parts.map(({ name, meaning }) => [name, meaning])).toContainEqual([
    'immediate',
    '-0x2',
  ]);
});

test('operands have their present values, memory its address', () => {
  // mov rbx, [rax + rcx*4 + 10h]
  const { operands } =
    view([0x48, 0x8b, 0x5c, 0x88, 0x10], { general: general({ 0: 0x2000n, 1: 8n, 3: 7n }) }) ?? {};
  expect(operands?.[0]).toEqual({ text: 'rbx', value: '0x7', address: null });
  expect(operands?.[1]).toMatchObject({ value: '0x0000000012345678', address: '0x2030' });
  const unmapped = view([0x8b, 0x00], { general: general({ 0: 0x9000n }) });
  expect(unmapped?.operands[1]?.value).toBe('not mapped');
});

test('privilege and virtualization are told in sentences', () => {
  expect(view([0xf4])?.notes).toEqual([
    'Needs CPL 0: elsewhere it raises #GP.',
    'In a VM it exits as told by the control "HLT exiting".',
  ]);
  expect(view([0x0f, 0xa2])?.notes).toEqual(['In a VM it always causes a VM exit.']);
  expect(view([0x9d])?.notes.join()).toContain('leaves IF and IOPL as they are');
  expect(view([0x0f, 0x01, 0xe0])?.notes.join()).toContain('CR4.UMIP');
  expect(view([0x90])?.notes).toEqual([]);
  expect(view([0x06])).toBeNull();
});

test('what exits is told as the processor has it', () => {
  const notes = (...bytes: number[]) => view(bytes, {}, 'amd-v')?.notes;
  const told = 'In a VM it exits as told by';
  expect(notes(0x0f, 0xa2)).toEqual([`${told} the intercept of CPUID.`]);
  expect(notes(0x9d)?.[0]).toBe(`${told} the intercept of POPF.`);
  expect(notes(0xe6, 0x80)).toEqual([`${told} the I/O permission map.`]);
  expect(notes(0x48, 0x89, 0xc3)).toEqual([]);
  expect(notes(0x0f, 0x20, 0xd8)?.at(-1)).toMatch(/control and debug register/);
  expect(notes(0x0f, 0x01, 0xd8)).toContain('In a VM it always causes a VM exit.');
  expect(notes(0x0f, 0x01, 0xd9)).toContain(`${told} the intercept of VMMCALL.`);
  expect(notes(0x0f, 0x01, 0xc1)).toEqual(['This processor has AMD-V, and not this instruction: #UD.']);
  expect(view([0x0f, 0x01, 0xd8])?.notes).toEqual([
    'This processor has VT-x, and not this instruction: #UD.',
  ]);
});

test('string instructions have the operands that their mnemonics say', () => {
  // lodsb; rep movsq; stosw
  const state = { general: general({ 0: 0x11n, 6: 0x2030n, 7: 0x2030n }) };
  expect(view([0xac], state)?.operands).toMatchObject([
    { value: '0x11' },
    { value: '0x78', address: '0x2030' },
  ]);
  expect(view([0xf3, 0x48, 0xa5], state)?.operands.map(({ address }) => address)).toEqual([
    '0x2030',
    '0x2030',
  ]);
  expect(view([0x66, 0xab], state)?.operands).toMatchObject([{ address: '0x2030' }, { value: '0x11' }]);
});

test('every opcode can be explained', () => {
  for (const map of [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a], [0x66, 0x0f], [0xf3, 0x0f], [0xf2, 0x0f]]) {
    for (let opcode = 0; opcode < 256; opcode++) {
      for (const modrm of [0x00, 0x45, 0xc8]) {
        expect(() => view([...map, opcode, modrm, 0x12, 0x34, 0x56, 0x78])).not.toThrow();
      }
    }
  }
});
