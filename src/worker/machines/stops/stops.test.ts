/** Stops of each kind, on the bare machine and in a virtual machine: forwards, and backwards to the same instant. */
import { beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../../../arch/exit-reasons.ts';
import type { Vmx } from '../../../cpu/vmx/vmx.ts';
import { stateParts } from '../../../machine/state-hash.ts';
import type { StopSettings, StopTrigger } from '../../../protocol/stops.ts';
import type { Technique } from '../../../protocol/target.ts';
import { Refusal } from '../../refusal.ts';
import { linearReader } from '../linear-memory.ts';
import { StopList } from './stop-list.ts';
import { type Bench, back, bench, ON, settings, thereAndBack, VM } from './testing.ts';

/** Eight rounds of everything that can be stopped at; RBX counts them from 1. */
const GUEST = `
%include "long.inc"
DATA    equ 0x60000
start:  enter_long
        set_interrupt 0x41, KERNEL_CODE, at(handler), INTERRUPT_64, 0
        xor ebx, ebx
round:  inc ebx
        mov [abs DATA], rbx
        mov edi, DATA + 0xff0           ; across a page
        mov ecx, 32
        mov eax, ebx
        rep stosb
        xor eax, eax
        push rbx
        cpuid
        pop rbx
%ifdef IN_VM
        mov eax, 4                      ; READ_CLOCK
        vmcall
%endif
        mov eax, ebx
        out 0x80, al
        in al, 0x84
        mov ecx, FS_BASE
        xor eax, eax
        xor edx, edx
        wrmsr
        mov ecx, 0x1b                   ; IA32_APIC_BASE
        rdmsr
        mov rax, cr3
        mov cr3, rax
        int 0x41
        mov byte [abs quiet], 1
        catch .after
        ud2
.after: mov eax, [abs PD + 8 * 8]       ; what maps 16 MiB
        xor eax, 1 << 9
        mov [abs PD + 8 * 8], eax
        check_user "user", nop
        cmp ebx, 8
        jne round
        finish
handler: iretq
`;

const ofGuest = (technique: Technique) => bench(technique, GUEST);

/** In round 2, so that the address space is the one of the loop. */
function inTheLoop(one: Bench): Bench {
  const id = one.list.add(settings({ kind: 'event', vector: 0x41 }));
  expect(one.run()).toMatchObject({ kind: 'stop', stop: id });
  one.list.remove(id);
  return one;
}

describe.each(['bare', 'vtx-ept'] as const)('stops on %s', (technique) => {
  let one: Bench;

  beforeEach(() => {
    one = ofGuest(technique);
  });

  test.each<[string, StopTrigger]>([
    ['Write to linear 0x60000, 8 bytes', { kind: 'write', space: 'linear', address: 0x60000n, length: 8 }],
    [
      'Write to guest-physical 0x60004, 1 byte',
      { kind: 'write', space: 'guest-physical', address: 0x60004n, length: 1 },
    ],
    // Both pages of a string instruction.
    ['Write to linear 0x60ff8, 16 bytes', { kind: 'write', space: 'linear', address: 0x60ff8n, length: 16 }],
  ])('%s', (text, trigger) => {
    expect(new Set(thereAndBack(inTheLoop(one), settings(trigger)))).toEqual(new Set([text]));
  });

  test.each<[StopTrigger, string]>([
    [{ kind: 'event', vector: 0x41 }, 'Delivery of vector 65'],
    [{ kind: 'event', vector: null }, 'Delivery of #UD'],
    [{ kind: 'cr3' }, 'CR3 loaded with 0x70000'],
    [{ kind: 'msr', index: 0x1b, access: 'read' }, 'Read of IA32_APIC_BASE'],
    [{ kind: 'msr', index: 0xc000_0100, access: 'any' }, 'Write of IA32_FS_BASE'],
    [{ kind: 'port', port: 0x80, access: 'out' }, 'OUT to port 0x80'],
    [{ kind: 'port', port: 0x84, access: 'any' }, 'IN from port 0x84'],
    [{ kind: 'crossing', from: 0, to: 3 }, 'Ring 0 to 3: iret'],
    [{ kind: 'crossing', from: 3, to: null }, 'Ring 3 to 0: software-interrupt'],
    [{ kind: 'console', text: 'user:' }, 'Text "user:" on a console'],
  ])('%j', (trigger, text) => {
    expect(new Set(thereAndBack(one, settings(trigger)))).toEqual(new Set([text]));
  });

  test('the change of a mapping, in the entry of each level, but not by its A and D bits', () => {
    inTheLoop(one);
    const text = 'Change of the mapping of 0x1000123';
    expect(thereAndBack(one, settings({ kind: 'page-table', address: 0x100_0123n }))).toEqual([
      text,
      text,
      text,
    ]);
  });

  test('a data stop is behind the instruction that wrote', () => {
    const { machine, list, run } = one;
    list.add(settings({ kind: 'write', space: 'linear', address: 0x60000n, length: 1 }));
    run();
    run();
    const read = () => {
      const access = machine.access(ON);
      return access && linearReader(access, machine.computer.ram)(0x60000n, 1)[0];
    };
    expect(read()).toBe(2);
    expect(run({ kind: 'step-back', on: ON })).toEqual({ kind: 'stepped', on: ON });
    expect(read()).toBe(1);
    expect(run({ kind: 'step', on: ON })).toMatchObject({ kind: 'stop', stop: 1 });
    expect(read()).toBe(2);
  });

  test('conditions and counts choose among the hits; counts only forwards', () => {
    const trigger: StopTrigger = { kind: 'port', port: 0x80, access: 'out' };
    const [chosen] = [one.list.add(settings(trigger, { condition: 'rbx >= 3', fromHit: 2 }))];
    expect(one.run()).toMatchObject({ kind: 'stop', stop: chosen });
    const rbx = () => one.machine.access(ON)?.state.general[3];
    expect(rbx()).toBe(4n);
    expect(one.list.view()[0].hits).toBe(2);
    expect(one.run(back)).toMatchObject({ kind: 'stop', stop: chosen });
    expect(rbx()).toBe(3n);
    expect(one.run(back)).toEqual({ kind: 'beginning' });
    expect(one.list.view()[0].hits).toBe(2);
  });

  test('runs to an instruction and back to it', () => {
    const { machine, list, run } = inTheLoop(one);
    const address = machine.access(ON)?.state.rip ?? 0n;
    const reached = { kind: 'reached', on: ON, address };
    const rounds: (bigint | undefined)[] = [];
    const go = (kind: 'run-to' | 'run-back-to') => {
      expect(run({ kind, on: ON, address })).toEqual(reached);
      rounds.push(machine.access(ON)?.state.general[3]);
      return stateParts(machine.computer);
    };
    const second = go('run-to');
    go('run-to');
    expect(go('run-back-to')).toEqual(second);
    expect(rounds).toEqual([2n, 3n, 2n]);
    // Nobody sees the breakpoint, and it is gone.
    expect(list.view()).toEqual([]);
    expect(run()).toBeNull();
  });

  test('an address with a condition is passed until it is true', () => {
    one.list.add(settings({ kind: 'event', vector: 0x41 }));
    one.run();
    const { rip } = one.machine.access(ON)?.state ?? { rip: 0n };
    one.list.change(1, settings({ kind: 'address', address: rip }, { condition: 'rbx == 5 && cpl == 0' }));
    expect(one.run()).toEqual({ kind: 'breakpoint', on: ON, address: rip });
    expect(one.machine.access(ON)?.state.general[3]).toBe(5n);
    expect(one.list.view()[0].hits).toBe(1);
    expect(one.run()).toBeNull();
    expect(one.run(back)).toEqual({ kind: 'breakpoint', on: ON, address: rip });
    expect(one.machine.access(ON)?.state.general[3]).toBe(5n);
  });

  test('a level that is not at work is not stopped at', () => {
    const level = technique === 'bare' ? 'guest' : 'host';
    one.list.add(settings({ kind: 'cr3' }, { level }));
    expect(one.run()).toBeNull();
    expect(one.list.view()[0].hits).toBe(0);
  });

  test('what is set or not leaves no trace in the run', () => {
    const plain = ofGuest(technique);
    expect(plain.run()).toBeNull();
    one.list.add(
      settings({ kind: 'write', space: 'linear', address: 0x60000n, length: 8 }, { condition: '0' }),
    );
    one.list.add(
      settings({ kind: 'read', space: 'linear', address: 0x60000n, length: 4096 }, { condition: '0' }),
    );
    one.list.add(
      settings({ kind: 'execute', space: 'guest-physical', address: 0x8100n }, { condition: '0' }),
    );
    one.list.add(settings({ kind: 'event', vector: null }, { condition: '0' }));
    one.list.add(settings({ kind: 'crossing', from: null, to: null }, { condition: '0' }));
    one.list.add(settings({ kind: 'port', port: null, access: 'any' }, { condition: '0' }));
    expect(one.run()).toBeNull();
    expect(stateParts(one.machine.computer)).toEqual(stateParts(plain.machine.computer));
  });

  test('hooks are there only while a stop needs them', () => {
    const { computer } = one.machine;
    const hooks = () => [
      computer.processor.observer,
      computer.portObserver,
      one.machine.onOutput,
      computer.code.isWatching || undefined,
      (computer.processor.virtualization as Vmx).vmcs.onWrite,
    ];
    const none = hooks().map(() => undefined);
    expect(hooks()).toEqual(none);
    const ids = [
      one.list.add(settings({ kind: 'cr3' })),
      one.list.add(settings({ kind: 'port', port: null, access: 'any' })),
      one.list.add(settings({ kind: 'console', text: 'x' })),
      one.list.add(settings({ kind: 'write', space: 'host-physical', address: 0x1000n, length: 4 })),
    ];
    expect(hooks().every((hook) => hook !== undefined)).toBe(true);
    for (const id of ids) one.list.remove(id);
    expect(hooks()).toEqual(none);
  });
});

describe('stops in virtual machines', () => {
  test.each<[StopTrigger, string]>([
    [{ kind: 'vm-exit', reason: EXIT.CPUID }, 'VM exit: CPUID'],
    [{ kind: 'hypercall', number: 4 }, 'Hypercall 4'],
    [{ kind: 'hypercall', number: null }, 'Hypercall 4'],
  ])('%j', (trigger, text) => {
    expect(new Set(thereAndBack(ofGuest('vtx-ept'), settings(trigger)))).toEqual(new Set([text]));
  });

  test.each<StopTrigger>([
    { kind: 'vm-exit', reason: EXIT.CPUID },
    { kind: 'write', space: 'guest-physical', address: 0x60000n, length: 1 },
    { kind: 'event', vector: 0x41 },
  ])('%o, on two processors with a machine each', (trigger) => {
    thereAndBack(bench('vtx-ept', GUEST, 2), settings(trigger));
  });

  test('a linear address is found again after the machine has begun anew', () => {
    const one = inTheLoop(ofGuest('vtx-ept'));
    const stop = settings({ kind: 'write', space: 'linear', address: 0x60000n, length: 8 }, { fromHit: 9 });
    one.list.add(stop);
    expect(one.run({ kind: 'free' }, 40)).toBeNull();
    const { hits } = one.list.view()[0];
    expect(hits).toBeLessThan(9);
    one.machine.control(VM, 'reset');
    expect(one.run()).toMatchObject({ kind: 'stop' });
    expect(one.machine.access(ON)?.state.general[3]).toBe(BigInt(9 - hits));
  });

  test('what VMX writes into a VMCS', () => {
    const one = ofGuest('vtx-ept');
    one.run({ kind: 'vm-exit', vm: VM });
    const address = BigInt(one.machine.computer.processor.virtualization.current);
    const trigger: StopTrigger = { kind: 'write', space: 'host-physical', address, length: 4096 };
    thereAndBack(one, settings(trigger, { vm: null }));
  });
});

describe('a guest without handlers', () => {
  const source = '\nstart: lidt [none]\nud2\nnone: dw 0, 0, 0\n';

  test('its fault is stopped at, though it ends the machine', () => {
    const one = bench('bare', source);
    one.list.add(settings({ kind: 'event', vector: 6 }));
    expect(one.run()).toMatchObject({ kind: 'stop', text: 'Delivery of #UD' });
  });
});

describe('the list', () => {
  const list = new StopList(() => {});

  test.each<[StopTrigger, Partial<StopSettings>, string]>([
    [{ kind: 'cr3' }, { condition: 'rax = 1' }, 'condition'],
    [{ kind: 'cr3' }, { fromHit: 0 }, 'fromHit'],
    [{ kind: 'write', space: 'linear', address: 0n, length: 0 }, {}, 'length'],
    [{ kind: 'write', space: 'linear', address: 0n, length: 1 }, { vm: null }, 'vm'],
    [{ kind: 'read', space: 'guest-physical', address: 0n, length: 1 }, { vm: null }, 'vm'],
    [{ kind: 'execute', space: 'guest-physical', address: 0n }, { vm: null }, 'vm'],
    [{ kind: 'address', address: 1n << 64n }, {}, 'address'],
    [{ kind: 'event', vector: 256 }, {}, 'vector'],
    [{ kind: 'port', port: 0x10000, access: 'in' }, {}, 'port'],
    [{ kind: 'msr', index: 0.5, access: 'any' }, {}, 'index'],
    [{ kind: 'vm-exit', reason: 65 }, {}, 'reason'],
    [{ kind: 'console', text: '' }, {}, 'text'],
  ])('%o with %o is refused at its field', (trigger, change, field) => {
    try {
      list.add(settings(trigger, change));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Refusal);
      expect((error as Refusal).where).toBe(field);
    }
    expect(list.all).toEqual([]);
  });

  test('hits begin anew with another trigger', () => {
    const id = list.add(settings({ kind: 'cr3' }));
    const [stop] = list.all;
    stop.hits = 3;
    list.change(id, settings({ kind: 'cr3' }, { condition: 'rax' }));
    expect(list.view()[0]).toMatchObject({ id, hits: 3, condition: 'rax' });
    list.change(id, settings({ kind: 'address', address: 1n }));
    expect(list.view()[0].hits).toBe(0);
    list.remove(id);
    expect(() => list.remove(id)).toThrow(Refusal);
  });
});
