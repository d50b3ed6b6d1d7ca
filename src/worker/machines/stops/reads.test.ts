/** Stops at reads, and at execution by physical address. */
import { describe, expect, test } from 'vitest';
import type { Tier2Mode } from '../../../contracts/tiers.ts';
import { stateParts } from '../../../machine/state-hash.ts';
import type { StopTrigger } from '../../../protocol/stops.ts';
import type { AddressSpace, Technique } from '../../../protocol/target.ts';
import { back, bench, ON, settings, thereAndBack } from './testing.ts';

/** Three rounds of reads of each kind; RBX counts them from 1. */
const GUEST = `
%include "long.inc"
DATA    equ 0x60000
start:  enter_long
        xor ebx, ebx
round:  inc ebx
        mov rax, [abs DATA]
        add dword [abs DATA + 0x80], 1
        mov [abs DATA + 0x84], eax      ; no read
        mov eax, [abs DATA + 0xffe]     ; across a page
        mov esi, DATA + 0x100
        mov edi, DATA + 0x200
        mov ecx, 16
        rep movsq
        mov esi, DATA + 0x100
        mov edi, DATA + 0x400
        mov ecx, 8
        repe cmpsb
        movups xmm0, [abs DATA + 0x500]
        mov ecx, 3000                   ; long enough for a region
.hot:   mov rdx, [abs DATA + 0x600]
        add rdx, [abs DATA + 0x700]
        dec ecx
        jnz .hot
        mov esp, DATA + 0x808
        pop rdx
        mov esp, KERNEL_STACK
        lldt [abs DATA + 0x908]         ; a null selector
        call near marked
        cmp ebx, 3
        jne round
        finish
        align 16
marked: nop
        ret
`;

/** A range of bytes at DATA, and how many instants of a round have a read of it. */
const READS: readonly (readonly [name: string, offset: number, length: number, hits: number])[] = [
  ['a load', 0, 8, 1],
  ['its last byte', 7, 1, 1],
  ['what is beside it', 8, 1, 0],
  ['an instruction that modifies', 0x82, 1, 1],
  ['a store', 0x84, 4, 0],
  ['the first page of a load across two', 0xffe, 1, 1],
  ['the second page of it', 0x1001, 1, 1],
  ['what is behind it', 0x1002, 8, 0],
  // MOVS and CMPS: an element is an instant.
  ['one element of strings', 0x108, 1, 1],
  ['all elements of a string', 0x110, 112, 14],
  ['what a string instruction writes', 0x200, 128, 0],
  ['the end of 16 bytes', 0x50f, 1, 1],
  ['a loop in a region', 0x600, 8, 3000],
  ['memory operands of arithmetic in it', 0x704, 1, 3000],
  ['a pop', 0x808, 8, 1],
  ['the operand of a system instruction', 0x909, 1, 1],
];

const DATA = 0x60000;
const ROUNDS = 3;
const never = { fromHit: 1e9 };

const read = (offset: number, length: number, space: AddressSpace = 'linear'): StopTrigger => ({
  kind: 'read',
  space,
  address: BigInt(DATA + offset),
  length,
});

describe.each<[Technique, Tier2Mode]>([
  ['bare', 'off'],
  ['bare', 'forced'],
  ['vtx-ept', 'forced'],
])('reads on %s, second tier %s', (technique, mode) => {
  test('each is met once, and nothing else', () => {
    const one = bench(technique, GUEST);
    one.machine.computer.setTier2(mode);
    const spaces: readonly AddressSpace[] = ['linear', 'guest-physical'];
    for (const space of spaces) {
      for (const [, offset, length] of READS) one.list.add(settings(read(offset, length, space), never));
    }
    expect(one.run({ kind: 'free' }, 4000)).toBeNull();
    const hits = one.list.view().map(({ hits }) => hits / ROUNDS);
    // The linear ones are translated before paging is on, where addresses are the same.
    expect(hits).toEqual([...READS, ...READS].map(([, , , expected]) => expected));
  });

  test('and leaves no trace in the run', () => {
    const plain = bench(technique, GUEST);
    plain.machine.computer.setTier2(mode);
    expect(plain.run({ kind: 'free' }, 4000)).toBeNull();
    const one = bench(technique, GUEST);
    one.machine.computer.setTier2(mode);
    one.list.add(settings(read(0, 0x1000), never));
    expect(one.run({ kind: 'free' }, 4000)).toBeNull();
    expect(stateParts(one.machine.computer)).toEqual(stateParts(plain.machine.computer));
  });
});

describe.each<Technique>(['bare', 'vtx-ept'])('on %s', (technique) => {
  test.each<[string, StopTrigger]>([
    ['Read of linear 0x60000, 8 bytes', read(0, 8)],
    ['Read of guest-physical 0x60082, 1 byte', read(0x82, 1, 'guest-physical')],
  ])('%s: the same instants in both directions', (text, trigger) => {
    expect(new Set(thereAndBack(bench(technique, GUEST), settings(trigger)))).toEqual(new Set([text]));
  });

  test('execution at a physical address', () => {
    const one = bench(technique, GUEST);
    const access = () => one.machine.access(ON);
    const id = one.list.add(settings({ kind: 'port', port: 0xf4, access: 'out' }));
    expect(one.run()).toMatchObject({ kind: 'stop', stop: id });
    const code = one.machine.computer.ram;
    one.list.remove(id);
    // NOP and RET, where nothing else is NOP and RET.
    const bytes = code.read(0, code.size);
    const at = bytes.findIndex((byte, i) => byte === 0x90 && bytes[i + 1] === 0xc3);
    const again = bench(technique, GUEST);
    const trigger: StopTrigger = { kind: 'execute', space: 'host-physical', address: BigInt(at) };
    expect(access()?.state.general[3]).toBe(3n);
    const text = `Execution at host-physical 0x${at.toString(16)}`;
    expect(thereAndBack(again, settings(trigger, { vm: null }))).toEqual([text, text, text]);
    expect(again.machine.access(ON)?.state.general[3]).toBe(2n);
    expect(again.run()).toMatchObject({ kind: 'stop', text });
    expect(again.run()).toBeNull();
    for (const rounds of [3n, 2n, 1n]) {
      expect(again.run(back)).toMatchObject({ kind: 'stop', text });
      expect(again.machine.access(ON)?.state.general[3]).toBe(rounds);
    }
  });
});
