/** The hypervisor at work on the simulated computer: life cycles, hypercalls, scheduling, memory. */
import { describe, expect, it } from 'vitest';
import { EXIT } from '../arch/exit-reasons.ts';
import { HYPERCALL, HYPERCALL_ERROR } from '../arch/hypercalls.ts';
import { VmStateError } from '../hypervisor/hypervisor.ts';
import { explainWalk } from '../hypervisor/walk/explain.ts';
import { hostMemory } from '../machine/host-software.ts';
import { TestLab } from './vm-testing.ts';

const MIB = 0x10_0000;
const SPIN = 'start: jmp start';
const TRIPLE_FAULT = 'start: lidt [none]\n ud2\nnone: dw 0\n dd 0';
const hello = (name: string) => `start: say "${name}"\n finish`;
/** Real-mode hypercall: number and arguments in EDI, ESI, EDX; the result is shown. */
const call = (number: number, ...a: (number | string)[]) =>
  `mov eax, ${number}\n mov edi, ${a[0] ?? 0}\n mov esi, ${a[1] ?? 0}\n mov edx, ${a[2] ?? 0}\n vmcall\n movsx eax, ax\n value ax\n`;
const negative = (error: number) => (error & 0xffff).toString(16);

describe('virtual machines', () => {
  it('run side by side, each with its console and its end', () => {
    const lab = new TestLab();
    const vms = ['one', 'two', 'three'].map((name) => lab.vm(hello(name)));
    lab.run(5_000_000);
    expect(vms.map((vm) => lab.output(vm))).toEqual(['one', 'two', 'three']);
    expect(vms.map(({ state, end }) => [state, end])).toEqual(
      vms.map(() => ['ended', { kind: 'exit', status: 1 }]),
    );
  });

  it('that triple-fault stop alone, with the reason', () => {
    const lab = new TestLab();
    const broken = lab.vm(TRIPLE_FAULT);
    const spinning = lab.vm(SPIN);
    lab.run(2_000_000);
    expect(broken.end).toMatchObject({ kind: 'triple-fault', vcpu: 0 });
    expect(spinning.state).toBe('running');
    const before = spinning.vcpus[0].ran;
    lab.run(2_000_000);
    lab.hypervisor.pause(spinning);
    lab.run(10_000);
    expect(spinning.vcpus[0].ran).toBeGreaterThan(before + 1_000_000);
  });

  it('stand still while paused, and their clocks with them', () => {
    const lab = new TestLab();
    const source = `start: xor ebx, ebx
.next:  mov eax, ${HYPERCALL.READ_CLOCK}
        vmcall
        sub eax, ebx
        add ebx, eax
        cmp eax, 1000000                ; a millisecond between two readings
        jb .next
        finish`;
    const vm = lab.vm(source);
    lab.run(500_000);
    lab.hypervisor.pause(vm);
    lab.run(100_000);
    const { total } = vm.counters;
    const instant = vm.clock.now();
    lab.run(50_000_000);
    expect([vm.counters.total, vm.clock.now()]).toEqual([total, instant]);
    lab.hypervisor.start(vm);
    lab.run(1_000_000);
    expect(vm.counters.total).toBeGreaterThan(total);
    expect(vm.state).toBe('running');
  });

  it('can be reset and destroyed, and leave no frame behind', () => {
    const lab = new TestLab();
    const { frames } = lab.hypervisor;
    lab.run(1000);
    const before = frames.free;
    const vm = lab.vm(SPIN);
    lab.run(500_000);
    expect(frames.free).toBeLessThan(before);
    const again = lab.hypervisor.reset(vm);
    lab.run(500_000);
    expect([vm.state, again.state, again.id]).toEqual(['destroyed', 'running', vm.id]);
    lab.hypervisor.destroy(again);
    lab.run(10_000);
    expect(frames.free).toBe(before);
    expect([...lab.hypervisor.vms]).toEqual([]);
  });

  it('refuse commands that do not suit their state', () => {
    const lab = new TestLab();
    const vm = lab.vm(SPIN);
    expect(() => lab.hypervisor.start(vm)).toThrow(VmStateError);
    lab.hypervisor.pause(vm);
    expect(() => lab.hypervisor.pause(vm)).toThrow('VM 1 is paused');
    expect(() => lab.vm(SPIN, { memory: 100 })).toThrow('steps of 4 KiB');
    expect(() => lab.vm(SPIN, { vcpus: 9 })).toThrow('1 to 8');
  });

  it('end for lack of host memory alone', () => {
    const lab = new TestLab({ ramBytes: 8 * MIB });
    const source = `start: mov ax, 0x1000
.next:  mov ds, ax
        mov [0], ax
        add ax, 0x100
        cmp ax, 0x9000
        jb .next
        say "through"
        finish`;
    const small = lab.vm(SPIN);
    const greedy = lab.vm(source, { memory: 16 * MIB, name: 'greedy' });
    // All but a few frames are taken by something else.
    const owner = lab.hypervisor.frames.addOwner({ use: 'hypervisor', vm: undefined, label: 'test' });
    while (lab.hypervisor.frames.free > 20) lab.hypervisor.frames.allocate(owner);
    lab.run(2_000_000);
    expect(greedy.end).toEqual({ kind: 'out-of-memory', vcpu: 0 });
    expect(small.state).toBe('running');
  });

  it('name the failed check when their state cannot be entered', () => {
    const lab = new TestLab();
    const vm = lab.vm(SPIN, {
      load: () => ({ mode: 'long', rip: 0, cr3: 2 ** 45, registers: {} }),
    });
    lab.run(100_000);
    expect(vm.end).toMatchObject({ kind: 'entry-failure', why: expect.stringContaining('guest.cr3') });
  });
});

describe('hypercalls', () => {
  const run = (program: string) => {
    const lab = new TestLab();
    const vm = lab.vm(`start: ${program}\n finish\ntext: db "text"\n align 8\nlist: times 16 dq 0`);
    lab.run(20_000_000);
    expect(vm.end).toEqual({ kind: 'exit', status: 1 });
    return { output: lab.output(vm).trim(), vm, lab };
  };

  it('are found by CPUID', () => {
    const { output } = run(`mov eax, 1
        cpuid
        shr ecx, 31
        value cx
        mov eax, 0x40000000
        cpuid
        mov [text], ebx
        mov eax, ${HYPERCALL.CONSOLE_WRITE}
        mov edi, at(text)
        mov esi, 4
        vmcall`);
    expect(output).toBe('1Ring');
  });

  it('hide VMX', () => {
    expect(run('mov eax, 1\n cpuid\n shr ecx, 5\n and ecx, 1\n value cx').output).toBe('0');
  });

  it('write and read the console', () => {
    const { output, vm } = run(call(HYPERCALL.CONSOLE_WRITE, 'at(text)', 4));
    expect(output).toBe('text 4');
    expect(vm.counters.hypercalls.get(HYPERCALL.CONSOLE_WRITE)).toEqual({ count: 1, errors: 0 });
    expect(vm.counters.exits[EXIT.VMCALL]).toBe(1);
  });

  it('read what is typed', () => {
    const lab = new TestLab();
    const vm = lab.vm(`start: mov eax, ${HYPERCALL.CONSOLE_READ}
        mov edi, at(buffer)
        mov esi, 8
        vmcall
        test eax, eax
        jz start
        value ax
        say ":"
        mov esi, eax
        mov eax, ${HYPERCALL.CONSOLE_WRITE}
        vmcall
        finish
buffer: times 8 db 0`);
    lab.run(300_000);
    expect(lab.output(vm)).toBe('');
    lab.hypervisor.type(vm, [0x61, 0x62, 0x63]);
    lab.run(2_000_000);
    expect(lab.output(vm)).toBe(' 3:abc');
  });

  it.each([
    ['an unknown number', call(8), HYPERCALL_ERROR.UNKNOWN_NUMBER],
    ['a huge number', call(-5), HYPERCALL_ERROR.UNKNOWN_NUMBER],
    ['a pointer outside memory', call(HYPERCALL.CONSOLE_WRITE, 0x1f_ffff, 2), HYPERCALL_ERROR.BAD_ADDRESS],
    ['too many bytes', call(HYPERCALL.CONSOLE_WRITE, 0, 4097), HYPERCALL_ERROR.BAD_LENGTH],
    ['a vector of an exception', call(HYPERCALL.SET_TIMER, 1, 31), HYPERCALL_ERROR.BAD_ARGUMENT],
    ['a misaligned list', call(HYPERCALL.MULTICALL, 'at(list) + 4', 1), HYPERCALL_ERROR.BAD_ADDRESS],
    ['a list that is too long', call(HYPERCALL.MULTICALL, 'at(list)', 65), HYPERCALL_ERROR.BAD_LENGTH],
    [
      'a page that is not memory',
      `mov dword [list], 0x1000\n${call(HYPERCALL.BALLOON, 'at(list)', 1, 0)}`,
      HYPERCALL_ERROR.BAD_ARGUMENT,
    ],
    [
      'a direction that does not exist',
      call(HYPERCALL.BALLOON, 'at(list)', 1, 2),
      HYPERCALL_ERROR.BAD_ARGUMENT,
    ],
  ])('answer %s with an error', (_, program, error) => {
    const { output, vm } = run(program);
    expect(output).toBe(negative(error));
    expect([...vm.counters.hypercalls.values()]).toEqual([{ count: 1, errors: 1 }]);
  });

  it('are for CPL 0 only', () => {
    const lab = new TestLab();
    const vm = lab.vm(`
%include "protected.inc"
start:  enter_protected
        catch .end
        enter_user .user
.user:  mov eax, ${HYPERCALL.VERSION}
        vmcall
        mov [result], eax
        int OK_VECTOR
.end:   value [result]
        finish
result: dd 0`);
    lab.run(20_000_000);
    expect(lab.output(vm)).toBe(` ok ${(HYPERCALL_ERROR.NOT_PERMITTED >>> 0).toString(16)}`);
  });

  it('come in lists, which do not nest', () => {
    const { output, vm } = run(`mov dword [list], ${HYPERCALL.VERSION}
        mov dword [list + 64], ${HYPERCALL.MULTICALL}
        ${call(HYPERCALL.MULTICALL, 'at(list)', 2)}
        value [list + 48]
        value [list + 64 + 48]`);
    expect(output).toBe(`2 1 ${negative(HYPERCALL_ERROR.BAD_ARGUMENT)}`);
    expect(vm.counters.exits[EXIT.VMCALL]).toBe(1);
    expect(vm.counters.hypercalls.get(HYPERCALL.VERSION)?.count).toBe(1);
  });

  it('lend pages and take them again', () => {
    const lab = new TestLab();
    const vm = lab.vm(`start: mov ax, 0x2000
        mov es, ax
        mov word [es:0], 0x1234
        mov dword [list], 0x20
        cpuid
        ${call(HYPERCALL.BALLOON, 'at(list)', 1, 0)}
        cpuid
        ${call(HYPERCALL.BALLOON, 'at(list)', 1, 1)}
        value [es:0]
        finish
        align 8
list:   dq 0`);
    lab.run(20_000_000);
    expect(lab.output(vm)).toBe(' 1 1 0');
  });

  it('set a timer that ends a halt', () => {
    const { output } = run(`mov word [0x40 * 4], at(.handler)
        mov word [0x40 * 4 + 2], 0
        mov eax, ${HYPERCALL.READ_CLOCK}
        vmcall
        mov ebx, eax
        lea edi, [eax + 100000]
        mov esi, 0x40
        mov eax, ${HYPERCALL.SET_TIMER}
        vmcall
        sti
        hlt
        say "awake"
        jmp .end
.handler: say "tick "
        mov eax, ${HYPERCALL.READ_CLOCK}
        vmcall
        sub eax, ebx
        cmp eax, 100000
        jae .late
        say "too early "
.late:  iret
.end:`);
    expect(output).toBe('tick awake');
  });
});

describe('the scheduler', () => {
  it('shares a processor by weight', () => {
    const lab = new TestLab();
    const light = lab.vm(SPIN, { weight: 1024 });
    const heavy = lab.vm(SPIN, { weight: 3072 });
    lab.run(100_000_000);
    const ratio = heavy.vcpus[0].ran / light.vcpus[0].ran;
    expect(ratio).toBeGreaterThan(2.8);
    expect(ratio).toBeLessThan(3.2);
  });

  it('logs every stay with its end', () => {
    const lab = new TestLab();
    lab.vm(SPIN);
    lab.vm(SPIN);
    lab.run(10_000_000);
    const stays = lab.hypervisor.log.stays();
    expect(stays.length).toBeGreaterThan(5);
    stays.forEach((stay, i) => {
      if (i > 0) expect(stay.from).toBeGreaterThanOrEqual(stays[i - 1].to!);
    });
    expect(new Set(stays.slice(0, -1).map(({ stop }) => stop))).toEqual(new Set(['slice used up']));
    expect(stays.at(-1)).toMatchObject({ to: undefined, stop: undefined });
  });

  it('lets others run while one is halted, or yields', () => {
    const lab = new TestLab();
    const halted = lab.vm('start: hlt\n jmp start');
    const polite = lab.vm(`start: mov eax, ${HYPERCALL.YIELD}\n vmcall\n jmp start`);
    const spinning = lab.vm(SPIN);
    lab.run(50_000_000);
    expect(halted.vcpus[0].ran).toBeLessThan(50_000);
    expect(spinning.vcpus[0].ran).toBeGreaterThan(20_000_000);
    expect(polite.vcpus[0].ran).toBeLessThan(spinning.vcpus[0].ran);
    expect(halted.vcpus[0].state).toBe('halted');
  });

  it('uses all physical CPUs', () => {
    const lab = new TestLab({ cpus: 2 });
    const vms = [lab.vm(SPIN), lab.vm(SPIN)];
    lab.run(20_000_000);
    for (const vm of vms) lab.hypervisor.pause(vm);
    lab.run(100_000);
    for (const vm of vms) expect(vm.vcpus[0].ran).toBeGreaterThan(19_000_000);
    expect(new Set(lab.hypervisor.log.stays().map(({ pcpu }) => pcpu))).toEqual(new Set([0, 1]));
  });
});

describe('a run', () => {
  it('is the same every time, however it is cut', () => {
    const observe = (slice: number) => {
      const events: string[] = [];
      const lab = new TestLab({
        observer: { exited: (vcpu, reason, at) => events.push(`${vcpu.name} ${reason} ${at}`) },
      });
      const vms = [lab.vm(hello('a')), lab.vm(SPIN), lab.vm(SPIN), lab.vm('start: sti\n hlt\n jmp start')];
      for (let done = 0; done < 8_000_000; done += slice) lab.run(slice);
      return { events, outputs: vms.map((vm) => lab.output(vm)), ran: vms.map((vm) => vm.vcpus[0].ran) };
    };
    const whole = observe(8_000_000);
    expect(whole.events.length).toBeGreaterThan(10);
    expect(observe(12_345 * 8)).toMatchObject({ outputs: whole.outputs });
    expect(observe(8_000_000)).toEqual(whole);
    expect(observe(100_000)).toEqual(whole);
  });
});

describe('explain', () => {
  it('shows the way of a guest address to host memory', () => {
    const lab = new TestLab();
    const vm = lab.vm(`start: mov eax, 0x12345678
        mov [0x9000], eax
        jmp $`);
    lab.run(200_000);
    const memory = hostMemory(lab.host.computer);
    const report = explainWalk({
      registers: { cr0: 0, cr3: 0, cr4: 0, efer: 0 },
      linear: 0x9000,
      nestedRoot: { format: 'ept', pointer: vm.memory.ept.pointer },
      read: (at) => memory.read32(at),
    });
    expect(report.end.kind).toBe('mapped');
    if (report.end.kind === 'mapped') {
      expect(memory.read32(report.end.hostPhysical)).toBe(0x1234_5678);
      expect(lab.hypervisor.frames.ownerOf(report.end.hostPhysical)).toMatchObject({
        use: 'guest',
        vm: vm.id,
      });
    }
    for (const { address } of report.page?.entries ?? []) {
      expect(lab.hypervisor.frames.ownerOf(address)).toMatchObject({ use: 'page-tables', vm: vm.id });
    }
  });
});
