import { describe, expect, it } from 'vitest';
import { ACTIVITY } from '../../cpu/state.ts';
import type { Debuggee, Halt } from '../../gdb/debuggee.ts';
import { assemble } from '../../isa/assembler/index.ts';
import { applyBootState } from '../../machine/boot-state.ts';
import { Computer } from '../../machine/computer.ts';
import { History } from '../../machine/time/history.ts';
import { ComputerDebuggee } from './computer-debuggee.ts';

function debug(source: string, cpus = 1): { computer: Computer; debuggee: ComputerDebuggee } {
  const { bytes, errors } = assemble(`bits 16\norg 0x8000\n${source}`, { file: 'test.asm', format: 'bin' });
  expect(errors).toEqual([]);
  const computer = new Computer({ ramBytes: 16 * 2 ** 20, cpus });
  computer.boot({ kernel: bytes, commandLine: '', format: 'flat', flat: { address: 0x8000, mode: 'real' } });
  const debuggee = new ComputerDebuggee(
    computer,
    new History(computer, { stopwatch: () => 0 }),
    ({ kind }) => ({ lines: [kind], status: 7 }),
  );
  return { computer, debuggee };
}

function finish(debuggee: Debuggee): Halt {
  for (;;) {
    const halt = debuggee.slice();
    if (halt !== undefined) return halt;
  }
}

const step = (debuggee: Debuggee, cpu = 0, alone = false): Halt => {
  debuggee.step(cpu, alone);
  return finish(debuggee);
};

const run = (debuggee: Debuggee): Halt => {
  debuggee.run();
  return finish(debuggee);
};

const rip = (debuggee: Debuggee, cpu = 0): number => Number(debuggee.readRegister(cpu, 'rip'));

/** Lets the second processor run the same code, with AX = 1. */
function awaken({ processors }: Computer): void {
  const second = processors[1];
  applyBootState(second.regs, second.cpuid, {
    mode: 'real',
    rip: processors[0].regs.rip,
    registers: { rax: 1 },
  });
  second.regs.activity = ACTIVITY.ACTIVE;
}

const HLT = 0xf4;
const IRET = 0xcf;

describe('stepping', () => {
  it('waits in HLT for the interrupt, and takes it as a step', () => {
    const { debuggee } = debug(`
        cli
        mov word [0x20 * 4], handler
        mov word [0x20 * 4 + 2], 0
        mov si, setup
        mov cx, (setup_end - setup) / 2
        xor dx, dx
.next:  lodsw
        mov dl, ah
        out dx, al
        loop .next
        sti
        nop
        hlt
after:  jmp $
handler:
        iret
setup:  db 0x11, 0x20, 0x20, 0x21, 4, 0x21, 1, 0x21, 0xfe, 0x21         ; PIC: ICW1-4, IRQ 0 only
        db 0x34, 0x43, 0x00, 0x40, 0x20, 0x40                           ; PIT: every 2000h ticks
setup_end:
`);
    const code = () => debuggee.readMemory(0, BigInt(rip(debuggee)), 1)[0];
    for (let i = 0; i < 60 && code() !== HLT; i++)
      expect(step(debuggee)).toEqual({ kind: 'stepped', cpu: 0 });
    expect(code()).toBe(HLT);
    const after = rip(debuggee) + 1;
    step(debuggee);
    expect(rip(debuggee)).toBe(after);
    expect(debuggee.describe(0)).toBe('CPU 0: real mode, ring 0, halted');
    const before = debuggee.position();
    step(debuggee);
    expect(code()).toBe(IRET);
    expect(debuggee.position().cycle - before.cycle).toBeGreaterThan(1000);
    expect(debuggee.position().instructions).toBe(before.instructions);
    step(debuggee);
    expect(rip(debuggee)).toBe(after);
  });

  it('says when nothing will ever happen', () => {
    const { debuggee } = debug('cli\n hlt\n');
    expect(run(debuggee)).toEqual({ kind: 'stuck', cpu: 0, why: ['waiting'] });
    expect(debuggee.describe(0)).toContain(', halted for good: IF is 0, only an NMI wakes it');
    expect(step(debuggee)).toEqual({ kind: 'stuck', cpu: 0, why: ['waiting'] });
    expect(debuggee.end).toEqual({ kind: 'waiting' });
  });

  it('of a processor that sleeps lasts until another one stops', () => {
    const { debuggee } = debug('mov cx, 1000\nnext: loop next\nthere: nop\n cli\n hlt\n', 2);
    debuggee.setBreakpoints(new Set([0x8005n]));
    expect(step(debuggee, 1)).toEqual({ kind: 'breakpoint', cpu: 0 });
    expect(step(debuggee, 1, true)).toMatchObject({ kind: 'stuck', cpu: 1 });
  });

  it('is of the processor that was asked for; the other one runs', () => {
    const { computer, debuggee } = debug('start: inc bx\n jmp start\n', 2);
    awaken(computer);
    for (let i = 1; i <= 5; i++) {
      expect(step(debuggee, 1)).toEqual({ kind: 'stepped', cpu: 1 });
      expect(debuggee.current).toBe(1);
      expect(debuggee.readRegister(1, 'rbx')).toBe(BigInt(Math.ceil(i / 2)));
    }
    expect(debuggee.readRegister(0, 'rbx')).toBeGreaterThan(100n);
    const place = rip(debuggee);
    step(debuggee, 0);
    expect(rip(debuggee)).not.toBe(place);
    step(debuggee, 0);
    expect(rip(debuggee)).toBe(place);
    // The second has had the rest of its turn.
    expect(debuggee.readRegister(1, 'rbx')).toBeGreaterThan(100n);
  });

  it('ends early where another processor meets a breakpoint', () => {
    const { computer, debuggee } = debug(
      `
start:  test ax, ax
        jz start
        mov cx, 1000
.loop:  loop .loop
there:  jmp there
`,
      2,
    );
    awaken(computer);
    const there = 0x8000 + 9;
    debuggee.setBreakpoints(new Set([BigInt(there)]));
    expect(step(debuggee, 1)).toEqual({ kind: 'stepped', cpu: 1 });
    // It is the second one's turn, and the first one's step is behind that.
    expect(step(debuggee, 0)).toEqual({ kind: 'breakpoint', cpu: 1 });
    expect(rip(debuggee, 1)).toBe(there);
    // Where gdb believes that the others stand still, they stop nowhere.
    expect(step(debuggee, 0, true)).toEqual({ kind: 'stepped', cpu: 0 });
    expect(run(debuggee)).toEqual({ kind: 'breakpoint', cpu: 1 });
  });
});

describe('breakpoints', () => {
  it('hold at the same place again, and are gone when they were taken away', () => {
    const { debuggee } = debug('start: inc bx\n inc cx\n jmp start\n');
    const place = new Set([BigInt(rip(debuggee) + 1)]);
    debuggee.setBreakpoints(place);
    for (let i = 1; i <= 3; i++) {
      expect(run(debuggee)).toEqual({ kind: 'breakpoint', cpu: 0 });
      expect(debuggee.readRegister(0, 'rbx')).toBe(BigInt(i));
      // The instruction has not been executed, and stands until it is stepped over.
      expect(run(debuggee)).toEqual({ kind: 'breakpoint', cpu: 0 });
      debuggee.setBreakpoints(new Set());
      step(debuggee);
      debuggee.setBreakpoints(place);
      expect(debuggee.readRegister(0, 'rcx')).toBe(BigInt(i));
    }
    debuggee.setBreakpoints(new Set());
    debuggee.run();
    expect(debuggee.slice()).toBeUndefined();
    expect(debuggee.readRegister(0, 'rcx')).toBeGreaterThan(1000n);
  });
});

describe('watchpoints', () => {
  const SOURCE = `
        mov cx, 50
.loop:  add word [0x9000], 0
        loop .loop
        mov word [0x8fff], 0x1100
        mov word [0x9001], 0x2211
        jmp $
`;
  const place = { address: 0x9000n, length: 2 };

  it('stop behind the instruction that changes the memory, and count from there on', () => {
    const { debuggee } = debug(SOURCE);
    expect(debuggee.watch(0, place)).toBe(true);
    expect(run(debuggee)).toEqual({ kind: 'watchpoint', cpu: 0, address: 0x9000n });
    expect(debuggee.readRegister(0, 'rcx')).toBe(0n);
    expect([...debuggee.readMemory(0, 0x9000n, 2)]).toEqual([0x11, 0]);
    expect(step(debuggee)).toMatchObject({ kind: 'watchpoint' });
    expect([...debuggee.readMemory(0, 0x9000n, 2)]).toEqual([0x11, 0x11]);
    debuggee.run();
    expect(debuggee.slice()).toBeUndefined();
    debuggee.unwatch(place);
    expect(debuggee.watch(0, { address: 0xfee0_0000n, length: 4 })).toBe(false);
  });

  it('leave breakpoints and ends as they are', () => {
    const { debuggee } = debug(SOURCE.replace('jmp $', 'hlt'));
    debuggee.watch(0, { address: 0x9100n, length: 4 });
    debuggee.setBreakpoints(new Set([0x8008n]));
    expect(run(debuggee)).toEqual({ kind: 'breakpoint', cpu: 0 });
    debuggee.setBreakpoints(new Set());
    expect(run(debuggee)).toMatchObject({ kind: 'stuck' });
  });

  it('see what every processor writes, and change nothing of the run', () => {
    const source = `
start:  mov cx, 30000
.loop:  loop .loop
        test ax, ax
        jz start
        mov byte [0x9000], 1
        jmp $
`;
    const [watched, bare] = [debug(source, 2), debug(source, 2)];
    for (const { computer } of [watched, bare]) awaken(computer);
    watched.debuggee.watch(0, place);
    expect(run(watched.debuggee)).toEqual({ kind: 'watchpoint', cpu: 1, address: 0x9000n });
    bare.computer.runTo(watched.computer.position);
    for (const cpu of [0, 1]) {
      for (const name of ['rip', 'rcx', 'eflags'] as const) {
        expect(bare.debuggee.readRegister(cpu, name)).toBe(watched.debuggee.readRegister(cpu, name));
      }
    }
    expect(bare.debuggee.position()).toEqual(watched.debuggee.position());
  });
});

describe('ends', () => {
  it.each([
    ['mov al, 3\n out 0xf4, al\n', { kind: 'ended', cpu: 0, why: 'exit', status: 7 }],
    ['lidt [empty]\n int 3\nempty: dw 0, 0, 0\n', { kind: 'crashed', cpu: 0, why: ['crash'] }],
  ] as const)('of %j are told, again and again', (source, halt) => {
    const { debuggee } = debug(source);
    expect(run(debuggee)).toEqual(halt);
    expect(run(debuggee)).toEqual(halt);
    expect(step(debuggee)).toEqual(halt);
  });
});

describe('registers', () => {
  it('of the x87 unit are ST(i), with tags by content', () => {
    const { debuggee } = debug('fninit\n fld1\n fldz\n fldpi\n jmp $\n');
    for (let i = 0; i < 4; i++) step(debuggee);
    expect(debuggee.readRegister(0, 'st0')).toBe(0x4000_c90f_daa2_2168_c235n);
    expect(debuggee.readRegister(0, 'st2')).toBe(0x3fff_8000_0000_0000_0000n);
    // TOP is 5: registers 7 and 5 are valid, 6 is zero, the others are empty.
    expect(debuggee.readRegister(0, 'fstat') >> 11n).toBe(5n);
    expect(debuggee.readRegister(0, 'ftag')).toBe(0b00_01_00_11_11_11_11_11n);
    expect(debuggee.writeRegister(0, 'st1', 0x7fff_8000_0000_0000_0000n)).toBe(undefined);
    expect(debuggee.readRegister(0, 'st1')).toBe(0x7fff_8000_0000_0000_0000n);
    expect(debuggee.readRegister(0, 'ftag')).toBe(0b00_10_00_11_11_11_11_11n);
    expect(debuggee.writeRegister(0, 'ftag', 0n)).toBe('This register cannot be changed here.');
  });

  it('that select segments can be changed in real mode', () => {
    const { debuggee } = debug('mov al, [0]\n jmp $\n');
    expect(debuggee.writeRegister(0, 'ds', 0x800n)).toBe(undefined);
    expect(debuggee.readRegister(0, 'ds_base')).toBe(0x8000n);
    step(debuggee);
    expect(debuggee.readRegister(0, 'rax')).toBe(0xa0n);
    expect(debuggee.writeRegister(0, 'rip', 0x8000_0000_0000_8010n)).toBe(undefined);
    expect(debuggee.readRegister(0, 'rip')).toBe(0x8010n);
    expect(debuggee.writeRegister(0, 'fs_base', 0x1234_5678_9abc_def0n)).toMatch(/not canonical/);
  });

  it('that select segments are loaded with their descriptors in protected mode, as MOV would', () => {
    const { debuggee } = debug(`
        lgdt [table]
        mov eax, cr0
        inc ax
        mov cr0, eax
        jmp $
table:  dw 23
        dd gdt
gdt:    dq 0, 0x00cf93123456ffff, 0x00cf9b000000ffff
`);
    for (let i = 0; i < 4; i++) step(debuggee);
    expect(debuggee.writeRegister(0, 'ds', 8n)).toBe(undefined);
    expect(debuggee.readRegister(0, 'ds_base')).toBe(0x123456n);
    expect(debuggee.writeRegister(0, 'ss', 16n)).toMatch(/writable data segment/);
    expect(debuggee.writeRegister(0, 'ds', 24n)).toMatch(/beyond the end of its descriptor table/);
    expect(debuggee.writeRegister(0, 'cs', 16n)).toMatch(/far transfers only/);
    expect(debuggee.readRegister(0, 'ds')).toBe(8n);
  });

  it('that control the processor take what the processor takes, and going back undoes it', () => {
    const { computer, debuggee } = debug('nop\n jmp $\n');
    step(debuggee);
    expect(debuggee.writeRegister(0, 'cr0', 0x8000_0010n)).toMatch(/PG needs PE/);
    expect(debuggee.writeRegister(0, 'cr4', 1n << 40n)).toMatch(/does not have/);
    expect(debuggee.writeRegister(0, 'efer', 0x400n)).toMatch(/LMA is read-only/);
    expect(computer.journal.past).toEqual([]);
    expect(debuggee.writeRegister(0, 'cr0', 0x11n)).toBe(undefined);
    expect(debuggee.writeRegister(0, 'cr3', 0x5000n)).toBe(undefined);
    expect(debuggee.writeRegister(0, 'cr4', 0x20n)).toBe(undefined);
    expect(debuggee.writeRegister(0, 'efer', 0x100n)).toBe(undefined);
    expect(debuggee.readRegister(0, 'cr0')).toBe(0x11n);
    expect(debuggee.readRegister(0, 'cr3')).toBe(0x5000n);
    expect(debuggee.readRegister(0, 'cr4')).toBe(0x20n);
    expect(debuggee.readRegister(0, 'efer')).toBe(0x100n);
    expect(debuggee.describe(0)).toMatch(/protected mode/);
    // One instant for each change.
    for (let i = 0; i < 4; i++) {
      debuggee.stepBack(0);
      finish(debuggee);
    }
    expect(debuggee.readRegister(0, 'cr0') & 1n).toBe(0n);
  });

  it('that are flags keep VM and what is reserved', () => {
    const { debuggee } = debug('jmp $\n');
    expect(debuggee.writeRegister(0, 'eflags', 0x20ad7n)).toMatch(/VM is changed by IRET/);
    expect(debuggee.writeRegister(0, 'eflags', 0xad5n)).toMatch(/reserved/);
    expect(debuggee.writeRegister(0, 'eflags', 0xad7n)).toBe(undefined);
    expect(debuggee.readRegister(0, 'eflags')).toBe(0xad7n);
  });
});

describe('memory', () => {
  it('is what RAM has, and nothing else', () => {
    const { computer, debuggee } = debug('jmp $\n');
    const end = BigInt(computer.ram.size);
    expect(debuggee.readMemory(0, end - 2n, 8)).toHaveLength(2);
    expect(debuggee.writeMemory(0, end - 2n, Uint8Array.of(1, 2, 3))).toBe(false);
    expect([...debuggee.readMemory(0, end - 2n, 2)]).toEqual([0, 0]);
    expect(debuggee.writeMemory(0, 0x1fffn, Uint8Array.of(1, 2, 3))).toBe(true);
    expect([...computer.ram.read(0x1fff, 3)]).toEqual([1, 2, 3]);
    expect(debuggee.readMemory(0, 0xfee0_0000n, 4)).toHaveLength(0);
    expect(debuggee.readMemory(0, 0xffff_ffff_ffff_f000n, 4)).toHaveLength(0);
  });

  it('that is code is executed as it was written', () => {
    const { debuggee } = debug('start: nop\n jmp start\n');
    for (let i = 0; i < 3; i++) step(debuggee);
    debuggee.writeMemory(0, 0x8000n, Uint8Array.of(0x43)); // inc bx
    step(debuggee);
    step(debuggee);
    expect(debuggee.readRegister(0, 'rbx')).toBe(1n);
  });

  it('takes what is typed', () => {
    const { debuggee } = debug(`
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 1
        jz .wait
        mov dx, 0x3f8
        in al, dx
        out 0xf4, al
`);
    debuggee.type(Uint8Array.of(0x41));
    expect(run(debuggee)).toMatchObject({ kind: 'ended' });
    expect(debuggee.end).toEqual({ kind: 'exit', status: 0x83 });
  });
});

describe('backwards', () => {
  const source = 'start: inc ax\n mov [0x500], ax\n inc bx\n jmp start';

  it('undoes steps, and what gdb has changed', () => {
    const { debuggee } = debug(source);
    for (let i = 0; i < 9; i++) step(debuggee);
    const before = debuggee.readRegister(0, 'rip');
    expect(debuggee.writeRegister(0, 'rax', 0x1234n)).toBe(undefined);
    expect(debuggee.writeMemory(0, 0x500n, Uint8Array.of(9, 9))).toBe(true);
    step(debuggee);
    debuggee.stepBack(0);
    expect(finish(debuggee)).toEqual({ kind: 'stepped', cpu: 0 });
    expect(debuggee.readRegister(0, 'rip')).toBe(before);
    debuggee.stepBack(0);
    finish(debuggee);
    expect(debuggee.readRegister(0, 'rax')).toBeLessThan(0x1000n);
    // Forwards again the changes come again, at their instant.
    step(debuggee);
    step(debuggee);
    expect([...debuggee.readMemory(0, 0x500n, 2)]).not.toEqual([9, 9]);
  });

  it('ends where it began when gdb does not wait', () => {
    const { computer, debuggee } = debug(source);
    for (let i = 0; i < 30; i++) step(debuggee);
    const { position } = computer;
    debuggee.runBack();
    // A piece of the search: time is somewhere in the past.
    expect(debuggee.slice()).toBe(undefined);
    expect(debuggee.interrupt()).toEqual(['The search backwards was given up: time is where it began.']);
    expect(computer.position).toBe(position);
    debuggee.run();
    expect(debuggee.slice()).toBe(undefined);
    expect(debuggee.interrupt()).toEqual([]);
  });

  it('runs to the last breakpoint, and to the beginning', () => {
    const { debuggee } = debug(source);
    for (let i = 0; i < 30; i++) step(debuggee);
    debuggee.setBreakpoints(new Set([0x8000n]));
    const rax = debuggee.readRegister(0, 'rax');
    debuggee.runBack();
    expect(finish(debuggee)).toEqual({ kind: 'breakpoint', cpu: 0 });
    expect(debuggee.readRegister(0, 'rip')).toBe(0x8000n);
    expect(rax - debuggee.readRegister(0, 'rax')).toBeLessThanOrEqual(1n);
    debuggee.setBreakpoints(new Set());
    debuggee.runBack();
    expect(finish(debuggee)).toEqual({ kind: 'beginning', cpu: 0 });
    expect(debuggee.readRegister(0, 'rax')).toBe(0n);
  });
});
