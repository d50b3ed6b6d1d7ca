/** Events on their way into and out of a guest. SDM volume 3C, "VM Entries", "VM Exits", "Event Injection". */
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../arch/exit-reasons.ts';
import { CR0 } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { ACTIVITY, BLOCKING, EXIT_CONTROL, INTERRUPTION_TYPE, PIN, PRIMARY } from '../../arch/vmx.ts';
import type { HostCpu } from '../../contracts/host-cpu.ts';
import { type ExitRecord, orField, runVmx, setEptEntry, type VmxOptions } from './vmx-run.ts';

const VALID = 0x8000_0000;
const info = (type: number, vector: number, error = false): number =>
  (VALID | (type << 8) | (error ? 1 << 11 : 0) | vector) >>> 0;

const primary = (cpu: HostCpu, bits: number) => orField(cpu, FIELD.PRIMARY_CONTROLS, bits);
const pin = (cpu: HostCpu, bits: number) => orField(cpu, FIELD.PIN_BASED_CONTROLS, bits);
const inject = (cpu: HostCpu, type: number, vector: number, length = 0) => {
  cpu.vmwrite(FIELD.VM_ENTRY_INTERRUPTION_INFO, info(type, vector));
  cpu.vmwrite(FIELD.VM_ENTRY_INSTRUCTION_LENGTH, length);
};
const stopAtOnce: NonNullable<VmxOptions['onExit']> = () => 'stop';

/** Sets a vector of the real-mode interrupt table. */
const vector = (n: number, label: string) =>
  `mov word [${n} * 4], at(${label})\n mov word [${n} * 4 + 2], 0\n`;

const reasons = (exits: readonly ExitRecord[]) => exits.map(({ reason }) => reason);

describe('exceptions', () => {
  const bitmap = (vectors: number[]) => (cpu: HostCpu) =>
    cpu.vmwrite(
      FIELD.EXCEPTION_BITMAP,
      vectors.reduce((bits, n) => bits | (1 << n), 0),
    );

  it.each([
    ['ud2', 6, INTERRUPTION_TYPE.HARDWARE_EXCEPTION, 0],
    ['int3', 3, INTERRUPTION_TYPE.SOFTWARE_EXCEPTION, 1],
    ['int1', 1, INTERRUPTION_TYPE.PRIVILEGED_SOFTWARE_EXCEPTION, 1],
  ])('%s exits when its bit is set', (instruction, number, type, length) => {
    const { exits } = runVmx(`start: ${instruction}`, { setUp: bitmap([number]), onExit: stopAtOnce });
    expect(exits[0]).toMatchObject({
      reason: EXIT.EXCEPTION_OR_NMI,
      interruption: info(type, number),
      vectoring: 0,
      length,
    });
  });

  it('go to the guest otherwise, as does INT n whatever the bit', () => {
    const source = `start: ${vector(6, 'handler')} ${vector(0x20, 'second')}
        ud2
handler: int 0x20
second: finish`;
    const { exits, stop } = runVmx(source, { setUp: bitmap([3, 0, 1]) });
    expect([exits, stop]).toEqual([[], { kind: 'exit', status: 1 }]);
  });

  it('report RFLAGS.RF set for a fault', () => {
    const { cpu } = runVmx('start: ud2', { setUp: bitmap([6]), onExit: stopAtOnce });
    expect(cpu.vmread(FIELD.GUEST_RFLAGS) & (1 << 16)).not.toBe(0);
  });

  it('during the delivery of another event name that one as well', () => {
    const source = `start: lidt [short_table]
        int 0x21                        ; beyond the limit: #GP
short_table: dw 7
        dd 0`;
    const { exits } = runVmx(source, { setUp: bitmap([13]), onExit: stopAtOnce });
    expect(exits[0]).toMatchObject({
      reason: EXIT.EXCEPTION_OR_NMI,
      interruption: info(INTERRUPTION_TYPE.HARDWARE_EXCEPTION, 13),
      vectoring: info(INTERRUPTION_TYPE.SOFTWARE_INTERRUPT, 0x21),
      length: 2,
    });
  });

  it('an EPT violation on the way to a handler reports the event in IDT vectoring', () => {
    const source = `start: mov word [0x21 * 4], 0
        mov word [0x21 * 4 + 2], 0x2000 ; the handler is not mapped; its fetch is after the delivery
        mov sp, 0x7100                  ; the stack is not mapped
        int 0x21`;
    const { exits } = runVmx(source, { setUp: (cpu) => setEptEntry(cpu, 0x7000, 0), onExit: stopAtOnce });
    expect(exits[0]).toMatchObject({
      reason: EXIT.EPT_VIOLATION,
      vectoring: info(INTERRUPTION_TYPE.SOFTWARE_INTERRUPT, 0x21),
      length: 2,
      physical: 0x70fe,
      linear: 0x70fe,
    });
  });

  it('that end in a triple fault exit', () => {
    const { exits } = runVmx(
      `start: lidt [none]
        ud2
none:   dw 0
        dd 0`,
      { onExit: stopAtOnce },
    );
    expect(reasons(exits)).toEqual([EXIT.TRIPLE_FAULT]);
  });
});

describe('injection', () => {
  const handler = (n: number) => `start: hlt
        jmp start
handler: value sp
        pop ax
        value ax
        finish
        align 64
        times ${n} nop`;

  const run = (type: number, number: number, length = 0, setUp?: (cpu: HostCpu) => void) =>
    runVmx(handler(0), {
      setUp: (cpu) => {
        cpu.memory.write(number * 4, Uint8Array.of(0x00, 0x90, 0, 0));
        // At 9000h: OUT 80h, AL, which exits.
        cpu.memory.write(0x9000, Uint8Array.of(0xe6, 0x80));
        primary(cpu, PRIMARY.UNCONDITIONAL_IO_EXITING);
        inject(cpu, type, number, length);
        setUp?.(cpu);
      },
      onExit: stopAtOnce,
    });

  const stackTop = (cpu: HostCpu) => {
    const sp = cpu.vmread(FIELD.GUEST_RSP);
    return [sp, cpu.memory.read32(Math.floor(sp / 4) * 4) >>> (8 * (sp % 4))].map((v) => v & 0xffff);
  };

  it('delivers an interrupt through the table of the guest', () => {
    const { exits, cpu } = run(INTERRUPTION_TYPE.EXTERNAL, 0x40, 0, (c) =>
      orField(c, FIELD.GUEST_RFLAGS, 0x200),
    );
    expect(exits[0]).toMatchObject({ reason: EXIT.IO_INSTRUCTION, rip: 0x9000 });
    expect(stackTop(cpu)).toEqual([0x8000 - 6, 0x8000]);
    expect(cpu.vmread(FIELD.GUEST_RFLAGS) & 0x200).toBe(0);
  });

  it.each([
    ['a software interrupt', INTERRUPTION_TYPE.SOFTWARE_INTERRUPT, 0x41, 2],
    ['a software exception', INTERRUPTION_TYPE.SOFTWARE_EXCEPTION, 3, 1],
    ['a privileged software exception', INTERRUPTION_TYPE.PRIVILEGED_SOFTWARE_EXCEPTION, 1, 1],
  ])('of %s returns behind the instruction', (_, type, number, length) => {
    const { exits, cpu } = run(type, number, length);
    expect(exits[0].rip).toBe(0x9000);
    expect(stackTop(cpu)).toEqual([0x8000 - 6, 0x8000 + length]);
  });

  it('of an NMI blocks further ones', () => {
    const { cpu } = run(INTERRUPTION_TYPE.NMI, 2);
    expect(cpu.vmread(FIELD.GUEST_INTERRUPTIBILITY)).toBe(BLOCKING.NMI);
  });

  it('is not subject to the exception bitmap, but what it raises is', () => {
    const { exits } = run(INTERRUPTION_TYPE.HARDWARE_EXCEPTION, 6, 0, (cpu) => {
      cpu.vmwrite(FIELD.EXCEPTION_BITMAP, (1 << 6) | (1 << 13));
    });
    expect(exits[0].rip).toBe(0x9000);
    const second = run(INTERRUPTION_TYPE.HARDWARE_EXCEPTION, 6, 0, (cpu) => {
      cpu.vmwrite(FIELD.EXCEPTION_BITMAP, 1 << 13);
      cpu.vmwrite(FIELD.GUEST_IDTR_LIMIT, 0);
    });
    expect(second.exits[0]).toMatchObject({
      interruption: info(INTERRUPTION_TYPE.HARDWARE_EXCEPTION, 13),
      vectoring: info(INTERRUPTION_TYPE.HARDWARE_EXCEPTION, 6),
    });
  });

  it('is done once', () => {
    const { cpu } = run(INTERRUPTION_TYPE.NMI, 2);
    expect(cpu.vmread(FIELD.VM_ENTRY_INTERRUPTION_INFO) & VALID).toBe(0);
  });
});

describe('interrupts of the computer', () => {
  /** The host's own timer interrupts at once. */
  const interrupting = (cpu: HostCpu) => {
    const base = cpu.rdmsr(0x1b)!;
    cpu.wrmsr(0x1b, base.lo | 0x400, base.hi);
    cpu.wrmsr(0x80f, 0x1ff, 0);
    cpu.wrmsr(0x832, 0xe1 | (2 << 17), 0);
    cpu.wrmsr(0x6e0, cpu.now() + 3000, 0);
  };
  const spin = 'start: jmp start';

  it('exit without their vector, or with it when acknowledged', () => {
    const plain = runVmx(spin, {
      setUp: (cpu) => {
        pin(cpu, PIN.EXTERNAL_INTERRUPT_EXITING);
        interrupting(cpu);
      },
      onExit: stopAtOnce,
    });
    expect(plain.exits[0]).toMatchObject({ reason: EXIT.EXTERNAL_INTERRUPT, interruption: 0 });
    const acknowledged = runVmx(spin, {
      setUp: (cpu) => {
        pin(cpu, PIN.EXTERNAL_INTERRUPT_EXITING);
        orField(cpu, FIELD.VM_EXIT_CONTROLS, EXIT_CONTROL.ACKNOWLEDGE_INTERRUPT);
        interrupting(cpu);
      },
      onExit: stopAtOnce,
    });
    expect(acknowledged.exits[0].interruption).toBe(info(INTERRUPTION_TYPE.EXTERNAL, 0xe1));
  });

  it('go to a guest that has them, and not before its IF is set', () => {
    const source = `start: ${vector(0xe1, 'handler')}
        mov cx, 5000
.wait:  loop .wait
        say "still here"
        sti
        jmp $
handler: finish`;
    const { output, exits } = runVmx(source, { setUp: interrupting });
    expect([output, exits]).toEqual(['still here', []]);
  });

  it('end a halt of the guest', () => {
    const { exits, cpu } = runVmx('start: hlt', {
      setUp: (cpu) => {
        pin(cpu, PIN.EXTERNAL_INTERRUPT_EXITING);
        interrupting(cpu);
      },
      onExit: stopAtOnce,
    });
    expect(reasons(exits)).toEqual([EXIT.EXTERNAL_INTERRUPT]);
    expect(cpu.vmread(FIELD.GUEST_ACTIVITY_STATE)).toBe(ACTIVITY.HLT);
  });
});

describe('windows', () => {
  it('the interrupt window opens behind the instruction after STI', () => {
    const { exits } = runVmx('start: nop\n sti\n nop\n nop', {
      setUp: (cpu) => primary(cpu, PRIMARY.INTERRUPT_WINDOW_EXITING),
      onExit: stopAtOnce,
    });
    expect(exits[0]).toMatchObject({ reason: EXIT.INTERRUPT_WINDOW, rip: 0x8000 + CODE + 3, length: 0 });
  });

  it('is open at once when IF is set', () => {
    const { exits } = runVmx('start: nop', {
      setUp: (cpu) => {
        primary(cpu, PRIMARY.INTERRUPT_WINDOW_EXITING);
        orField(cpu, FIELD.GUEST_RFLAGS, 0x200);
      },
      onExit: stopAtOnce,
    });
    expect(exits[0]).toMatchObject({ reason: EXIT.INTERRUPT_WINDOW, rip: 0x8000 });
  });

  it('the NMI window opens with IRET', () => {
    const source = `start: pushf
        push cs
        push word at(.next)
        iret
.next:  nop`;
    const { exits } = runVmx(source, {
      setUp: (cpu) => {
        pin(cpu, PIN.NMI_EXITING | PIN.VIRTUAL_NMIS);
        primary(cpu, PRIMARY.NMI_WINDOW_EXITING);
        cpu.vmwrite(FIELD.GUEST_INTERRUPTIBILITY, BLOCKING.NMI);
      },
      onExit: stopAtOnce,
    });
    expect(exits[0]).toMatchObject({ reason: EXIT.NMI_WINDOW, rip: 0x8000 + CODE + 6 });
  });
});

/** Distance of `start` from the origin: report.inc is in front of it. */
const CODE = (() => {
  const { exits } = runVmx('start: cpuid', { onExit: stopAtOnce });
  return exits[0].rip - 0x8000;
})();

describe('the preemption timer', () => {
  const set =
    (value: number, extra = 0) =>
    (cpu: HostCpu) => {
      pin(cpu, PIN.PREEMPTION_TIMER);
      orField(cpu, FIELD.VM_EXIT_CONTROLS, extra);
      cpu.vmwrite(FIELD.VMX_PREEMPTION_TIMER, value);
    };

  it('of 0 exits before the first instruction', () => {
    const { exits } = runVmx('start: cpuid', { setUp: set(0), onExit: stopAtOnce });
    expect(exits[0]).toMatchObject({ reason: EXIT.PREEMPTION_TIMER, rip: 0x8000 });
  });

  it('counts once in 32 cycles, and is not saved unless asked', () => {
    const times: number[] = [];
    const source = 'start: jmp start';
    const { exits, cpu } = runVmx(source, {
      setUp: (c) => {
        set(1000)(c);
        times.push(c.now());
      },
      onExit: (_, c) => {
        times.push(c.now());
        return times.length < 4 ? 'resume' : 'stop';
      },
    });
    expect(reasons(exits)).toEqual([52, 52, 52]);
    for (let i = 1; i < times.length; i++) {
      // Entry and exit are charged on top.
      expect(times[i] - times[i - 1]).toBeGreaterThan(32_000);
      expect(times[i] - times[i - 1]).toBeLessThan(34_000);
    }
    expect(cpu.vmread(FIELD.VMX_PREEMPTION_TIMER)).toBe(1000);
  });

  it('is saved with what is left of it', () => {
    const source = 'start: mov cx, 6400\n.wait: loop .wait\n cpuid';
    const { exits, cpu } = runVmx(source, {
      setUp: set(1000, EXIT_CONTROL.SAVE_PREEMPTION_TIMER),
      onExit: stopAtOnce,
    });
    expect(reasons(exits)).toEqual([EXIT.CPUID]);
    expect(cpu.vmread(FIELD.VMX_PREEMPTION_TIMER)).toBeGreaterThan(795);
    expect(cpu.vmread(FIELD.VMX_PREEMPTION_TIMER)).toBeLessThan(801);
  });

  it('wakes a halted guest', () => {
    const { exits } = runVmx('start: hlt', { setUp: set(1000), onExit: stopAtOnce });
    expect(reasons(exits)).toEqual([EXIT.PREEMPTION_TIMER]);
  });
});

describe('the monitor trap flag', () => {
  it('exits after every instruction', () => {
    const { exits } = runVmx('start: nop\n mov eax, 1\n jmp short .next\n nop\n.next: nop\n nop', {
      setUp: (cpu) => {
        primary(cpu, PRIMARY.MONITOR_TRAP_FLAG);
        cpu.vmwrite(FIELD.GUEST_RIP, 0x8000 + CODE);
      },
      onExit: (exit) => (exit.rip >= 0x8000 + CODE + 11 ? 'stop' : 'resume'),
    });
    expect(exits.map(({ reason, rip }) => [reason, rip - 0x8000 - CODE])).toEqual([
      [EXIT.MONITOR_TRAP_FLAG, 1],
      [EXIT.MONITOR_TRAP_FLAG, 7],
      [EXIT.MONITOR_TRAP_FLAG, 10],
      [EXIT.MONITOR_TRAP_FLAG, 11],
    ]);
  });

  it('after an injection, before the first instruction of the handler', () => {
    const { exits } = runVmx('start: nop', {
      setUp: (cpu) => {
        primary(cpu, PRIMARY.MONITOR_TRAP_FLAG);
        cpu.memory.write(0x44 * 4, Uint8Array.of(0x00, 0x90, 0, 0));
        inject(cpu, INTERRUPTION_TYPE.SOFTWARE_INTERRUPT, 0x44, 2);
      },
      onExit: stopAtOnce,
    });
    expect(exits[0]).toMatchObject({ reason: EXIT.MONITOR_TRAP_FLAG, rip: 0x9000 });
  });
});

describe('activity states', () => {
  it('entry into HLT waits for an event', () => {
    const { exits, stop } = runVmx('start: cpuid', {
      setUp: (cpu) => cpu.vmwrite(FIELD.GUEST_ACTIVITY_STATE, ACTIVITY.HLT),
    });
    expect([exits, stop.kind]).toEqual([[], 'waiting']);
  });
});

describe('failed entries', () => {
  it('with bad controls or host state fail with an error', () => {
    const controls = runVmx('start:', { setUp: (cpu) => cpu.vmwrite(FIELD.PIN_BASED_CONTROLS, 0) });
    expect([controls.entryError, controls.cpu.failedCheck?.id]).toEqual([7, 'control.pin']);
    const host = runVmx('start:', { setUp: (cpu) => cpu.vmwrite(FIELD.HOST_TR_SELECTOR, 0) });
    expect([host.entryError, host.cpu.failedCheck?.id]).toEqual([8, 'host.cs-tr']);
  });

  it('with a bad guest state exit with reason 33 and name the check', () => {
    const { exits, cpu, entryError } = runVmx('start:', {
      setUp: (cpu) => cpu.vmwrite(FIELD.GUEST_CR0, CR0.NE | (CR0.PG >>> 0)),
    });
    expect([entryError, exits.length]).toEqual([0, 1]);
    expect(exits[0].reason).toBe(0x8000_0021);
    expect(cpu.failedCheck?.id).toBe('guest.cr0.pg');
  });
});

describe('NMIs of the computer', () => {
  const sendNmi = (cpu: HostCpu) => {
    const base = cpu.rdmsr(0x1b)!;
    cpu.wrmsr(0x1b, base.lo | 0x400, base.hi);
    cpu.wrmsr(0x80f, 0x1ff, 0);
    // To itself: delivery mode NMI, physical destination 0.
    cpu.wrmsr(0x830, 4 << 8, 0);
  };
  const blocked = (controls: number) =>
    runVmx('start: cpuid', {
      setUp: (cpu) => {
        pin(cpu, controls);
        cpu.vmwrite(FIELD.GUEST_INTERRUPTIBILITY, BLOCKING.NMI);
        sendNmi(cpu);
      },
      onExit: stopAtOnce,
    }).exits[0];

  it('exit', () => {
    const { exits } = runVmx('start: cpuid', {
      setUp: (cpu) => {
        pin(cpu, PIN.NMI_EXITING);
        sendNmi(cpu);
      },
      onExit: stopAtOnce,
    });
    expect(exits[0]).toMatchObject({
      reason: EXIT.EXCEPTION_OR_NMI,
      interruption: info(INTERRUPTION_TYPE.NMI, 2),
      rip: 0x8000,
    });
  });

  it('wait while NMIs are blocked, unless the guest has virtual ones', () => {
    expect(blocked(PIN.NMI_EXITING).reason).toBe(EXIT.CPUID);
    expect(blocked(PIN.NMI_EXITING | PIN.VIRTUAL_NMIS).reason).toBe(EXIT.EXCEPTION_OR_NMI);
  });
});
