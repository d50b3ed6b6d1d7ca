/** Who wrote a register: instructions, events, input, the hypervisor; near, far, and where it is written all the time. */
import { beforeEach, describe, expect, test } from 'vitest';
import { loadImage } from '../../machine/boot/load.ts';
import { assembleGuest, GUEST_ORIGIN } from '../../machine/system-tests/run-guest.ts';
import { History } from '../../machine/time/history.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import type { Technique } from '../../protocol/target.ts';
import { Refusal } from '../refusal.ts';
import * as disassembler from '../views/disassembler.ts';
import { BackControl } from './back-control.ts';
import { BareMachine } from './bare-machine.ts';
import { HypervisorMachine } from './hypervisor-machine.ts';
import type { LabMachine } from './lab-machine.ts';
import { linearReader } from './linear-memory.ts';
import { MachineStops } from './stops/machine-stops.ts';

const MIB = 0x10_0000;
const ON = { vm: 1, vcpu: 0 };

/** The instructions that are looked for have encodings that occur once. */
const GUEST = `
%include "long.inc"
start:  enter_long
        set_msr KERNEL_GS_BASE, 0x1234
        set_msr LSTAR, 0x77
        mov ecx, LSTAR
        mov eax, 0x77
        xor edx, edx
        wrmsr                           ; the value that it has
        lidt [abs idtr]
        mov rsi, cr3
        mov cr3, rsi
        mov r15, 0x11
        mov r14, 5
        mov r14d, 5                     ; the value that it has
        xor eax, eax
        mov r13, 7
        cmovne r13, rax                 ; not done
        mov r12, 7
        cmove r12, rax                  ; done
        movd xmm5, ecx
        movd xmm3, eax
        fninit
        fldz                            ; R7, which has been 0 all the time
        fld1                            ; R6
        fadd st0, st0
        fxch st1                        ; R6 is ST0, and has what R7 had
        fldcw [abs control]
        mov dword [abs third], 3
        cvtsi2ss xmm8, [abs third]
        divss xmm7, xmm8
        mov r11d, 1
        cvtsi2ss xmm7, r11d
        divss xmm7, xmm8                ; a third: not exact
        divss xmm7, xmm8                ; again, and nothing new
        catch .after
        mov r8d, 0x22
        mov r9d, 0x90000000
        mov r8, [r9]                    ; does not write it, but CR2
.after: mov bx, 0x10
        mov ds, bx
        pushfq
        or qword [rsp], 0x4000          ; NT
        popfq
        sti
        cli
        cld                             ; it is clear already
        mov ecx, 60000
.fill:  mov rdx, rcx                    ; all the time, and then no more
        dec ecx
        jnz .fill
        mov r10d, 0x55
        cpuid
        mov ebx, 0
.spin:  inc rbx
        cmp rbx, -1
        jmp .spin
third:  dd 0
control: dw 0x27f
idtr:   dw 0xfff
        dq IDT
`;

/** Register, and the first bytes of what wrote it last. */
const EXPECTED: readonly (readonly [name: string, bytes: string])[] = [
  ['rbx', '48 ff c3'],
  ['bl', '48 ff c3'],
  ['df', 'fc'],
  ['r15', '41 bf 11'],
  ['r14', '41 be 05'],
  ['r13d', '41 bd 07'],
  ['r12', '4c 0f 44 e0'],
  ['xmm5', '66 0f 6e e9'],
  ['xmm3', '66 0f 6e d8'],
  ['r8', '41 b8 22'],
  ['ds', '8e db'],
  ['if', 'fa'],
  ['nt', '9d'],
  ['cr3', '0f 22 de'],
  ['idtr', '0f 01 1c 25'],
  ['ia32_lstar', '0f 30'],
  ['r10', '41 ba 55'],
  ['st0', 'd9 c9'],
  ['mm7', 'd9 c9'],
  ['fcw', 'd9 2c 25'],
  ['fsw', 'd9 e8'],
  ['mxcsr', 'f3 41 0f 5e f8'],
];

interface Bench {
  readonly machine: LabMachine;
  readonly history: History;
  readonly back: BackControl;
}

function bench(technique: Technique): Bench {
  const kernel = assembleGuest(GUEST);
  const flat = { address: GUEST_ORIGIN, mode: 'real' } as const;
  const image = { kernel, commandLine: '', format: 'flat', flat } as const;
  const machine = technique === 'bare' ? bare(image) : hosted(image);
  let time = 0;
  const history = new History(machine.computer, { stopwatch: () => (time += 20) });
  const back = new BackControl(machine, new MachineStops(machine), history);
  for (const { crossings } of machine.computer.processors)
    crossings.listener = (crossing) => back.crossed(ON, crossing);
  back.registerWrites = disassembler;
  while (machine.computer.position < 900_000) {
    machine.computer.runTo(machine.computer.position + 90_000);
    history.tick();
  }
  return { machine, history, back };
}

const bare = (image: ConstructorParameters<typeof BareMachine>[0]['image']): LabMachine =>
  new BareMachine({ id: ON.vm, name: 'bare', image, memory: 2 * MIB, cpus: 1 });

function hosted(image: Parameters<typeof loadImage>[0]): LabMachine {
  const machine = new HypervisorMachine({ memory: 16 * MIB, cpus: 1 });
  machine.create({
    name: 'vm',
    memory: 2 * MIB,
    vcpus: 1,
    load: (ram, info) => loadImage(image, ram, info),
  });
  return machine;
}

function whoWrote({ back }: Bench, name: string): StopReason {
  for (;;) {
    const stop = back.slice({ kind: 'who-wrote', on: ON, what: { kind: 'register', name } });
    if (stop !== null) return stop;
  }
}

/** Bytes of the next instruction, and some behind it. */
function code({ machine }: Bench): string {
  const access = machine.access(ON);
  if (access === undefined) return 'no state';
  const bytes = linearReader(access, machine.computer.ram)(access.state.rip, 8);
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

describe.each<{ technique: Technique }>([{ technique: 'bare' }, { technique: 'vtx-ept' }])(
  'who wrote a register, $technique',
  ({ technique }) => {
    let made: Bench;
    let start: { position: number; entered: number };

    beforeEach(() => {
      made = bench(technique);
      start = made.history.now;
    });

    test('the instruction that has it as a destination', () => {
      for (const [name, bytes] of EXPECTED) {
        expect(whoWrote(made, name), name).toEqual({ kind: 'writer', on: ON, by: 'this instruction' });
        expect(`${name}: ${code(made)}`.slice(0, name.length + 2 + bytes.length)).toBe(`${name}: ${bytes}`);
        made.history.seek(start);
      }
    });

    test('of one that is written all the time, the last write', () => {
      // CPUID writes RDX, in a virtual machine by way of the hypervisor.
      const by = technique === 'bare' ? 'this instruction' : 'the hypervisor, in its handler of CPUID';
      expect(whoWrote(made, 'rdx')).toMatchObject({ by });
      expect(code(made)).toMatch(/^0f a2/);
      expect(whoWrote(made, 'rdx')).toMatchObject({ by: 'this instruction' });
      expect(code(made)).toMatch(/^48 89 ca ff c9/);
      expect(made.machine.access(ON)?.state.general[1]).toBe(1n);
    });

    test('an exception', () => {
      expect(whoWrote(made, 'cr2')).toEqual({ kind: 'writer', on: ON, by: 'the delivery of #PF' });
      expect(code(made)).toMatch(/^4d 8b 01/);
    });

    test('an edit that has just been made', () => {
      made.machine.edit({ kind: 'register', on: ON, register: 'r15', value: 0x99n });
      expect(whoWrote(made, 'r15')).toEqual({ kind: 'writer', on: null, by: 'an edit' });
      expect(made.history.now).toEqual(start);
    });

    test('an edit, and what was before it', () => {
      made.machine.edit({ kind: 'register', on: ON, register: 'r15', value: 0x99n });
      made.machine.computer.runTo(start.position + 50_000);
      made.history.tick();
      expect(whoWrote(made, 'r15')).toEqual({ kind: 'writer', on: null, by: 'an edit' });
      expect(made.history.now).toEqual(start);
      expect(made.machine.access(ON)?.state.general[15]).toBe(0x11n);
      expect(whoWrote(made, 'r15')).toMatchObject({ by: 'this instruction' });
      expect(code(made)).toMatch(/^41 bf 11/);
    });

    test('nobody, and no register', () => {
      // A virtual machine's registers are made by the hypervisor.
      const none = { kind: 'beginning' };
      const born = { kind: 'writer', on: null, by: 'the hypervisor' };
      expect(whoWrote(made, 'xmm9')).toEqual(technique === 'bare' ? none : born);
      made.history.seek(start);
      for (const name of ['st8', 'rqx', 'mm8']) expect(() => whoWrote(made, name)).toThrow(Refusal);
    });
  },
);
