/** gdb itself, in batch mode, against guests on the bare machine. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GPR, SEG } from '../arch/registers.ts';
import { STATE } from '../cpu/state.ts';
import { CountingDebuggee } from '../gdb/testing.ts';
import { guestNamed } from '../guests/index.ts';
import { assemble } from '../isa/assembler/index.ts';
import { Computer } from '../machine/computer.ts';
import type { GdbCommand } from './command.ts';
import { serveGdb } from './gdb.ts';
import { GdbServer } from './gdb-server.ts';

const hasGdb = spawnSync('gdb', ['--version']).status === 0;

const COMMAND: GdbCommand = {
  kind: 'gdb',
  kernel: 'guest',
  modules: [],
  append: '',
  format: 'auto',
  memoryBytes: 16 * 2 ** 20,
  cpus: 1,
  acpi: true,
  port: 0,
  describe: 'amd64',
};

/** Runs gdb with these commands; answers what it printed. */
async function runGdb(
  port: number,
  commands: readonly string[],
  during: (signal: (name: NodeJS.Signals) => void) => void = () => {},
): Promise<string> {
  const all = [`target remote 127.0.0.1:${port}`, ...commands];
  const options = ['-nx', '-batch', ...all.flatMap((command) => ['-ex', command])];
  const child = spawn('gdb', options, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => void output.push(data.toString('latin1')));
  }
  during((name) => void child.kill(name));
  await new Promise((resolve) => child.on('close', resolve));
  return output.join('');
}

/** `ringlab gdb` in this process. */
class Served {
  text = '';
  log = '';
  readonly status: Promise<number>;
  readonly port: Promise<number>;
  #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  constructor(kernel: Uint8Array, options: Partial<GdbCommand> = {}) {
    let listening: (port: number) => void = () => {};
    this.port = new Promise((resolve) => {
      listening = resolve;
    });
    const image = { kernel, commandLine: '', ...(options.flat ? { flat: options.flat } : {}) };
    this.status = serveGdb({ ...COMMAND, ...options }, image, {
      write: (bytes) => {
        this.text += Buffer.from(bytes).toString('latin1');
        this.#look();
      },
      log: (line) => {
        this.log += `${line}\n`;
        const [, port] = /target remote 127\.0\.0\.1:(\d+)$/.exec(line) ?? [];
        if (port !== undefined) listening(Number(port));
        this.#look();
      },
    });
  }

  /** Resolves when the console or the log has what is waited for. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ condition, resolve });
      this.#look();
    });
  }

  async gdb(commands: readonly string[], during?: (signal: (name: NodeJS.Signals) => void) => void) {
    return runGdb(await this.port, commands, during);
  }

  #look(): void {
    const all = this.#waiting;
    this.#waiting = all.filter(({ condition }) => !condition());
    for (const { condition, resolve } of all) if (condition()) resolve();
  }
}

function guest(name: string): Uint8Array {
  return guestNamed(name)!.assemble().bytes;
}

/** Assembles a flat binary. */
function program(bits: 16 | 64, source: string): { kernel: Uint8Array; options: Partial<GdbCommand> } {
  const address = 0x8000;
  const text = `bits ${bits}\norg ${address}\n${source}`;
  const { bytes, errors } = assemble(text, { file: 'test.asm', format: 'bin' });
  expect(errors).toEqual([]);
  return { kernel: bytes, options: { flat: { address, mode: bits === 16 ? 'real' : 'long' } } };
}

function serve(bits: 16 | 64, source: string, options: Partial<GdbCommand> = {}): Served {
  const { kernel, options: flat } = program(bits, source);
  return new Served(kernel, { ...flat, ...options });
}

describe.skipIf(!hasGdb)('gdb', () => {
  /** Registers that are compared after every step, with what they are in the machine. */
  const COMPARED: Readonly<Record<string, (computer: Computer) => bigint>> = {
    ...Object.fromEntries(
      Object.entries(GPR).map(([name, n]) => [
        name.toLowerCase(),
        ({ processor }: Computer) => processor.regs.gprBig(n),
      ]),
    ),
    rip: ({ processor }) => processor.regs.fieldBig(STATE.RIP) + BigInt(processor.regs.segmentBase(SEG.CS)),
    eflags: ({ processor }) => BigInt(processor.regs.rflags),
    ...Object.fromEntries(
      (['CS', 'SS', 'DS', 'ES'] as const).map((name) => [
        name.toLowerCase(),
        ({ processor }: Computer) => BigInt(processor.regs.selector(SEG[name])),
      ]),
    ),
    ...Object.fromEntries(
      (['CR0', 'CR3', 'CR4', 'EFER'] as const).map((name) => [
        name.toLowerCase(),
        ({ processor }: Computer) => processor.regs.fieldBig(STATE[name]),
      ]),
    ),
  };

  const NAMES = Object.keys(COMPARED);
  const SHOW = `printf "@ ${NAMES.map(() => '%lx').join(' ')}\\n", ${NAMES.map((name) => `$${name}`).join(', ')}`;

  /**
   * What a computer that is stepped alone shows before each instruction until the guest ends, and how gdb gets
   * there: by a step, or for a repeated string instruction, which takes many, by a breakpoint.
   */
  function lockstep(kernel: Uint8Array): { readonly expected: string[]; readonly script: string[] } {
    const computer = new Computer({ ramBytes: COMMAND.memoryBytes });
    computer.boot({ kernel, commandLine: '' });
    const expected: string[] = [];
    const script: string[] = [];
    let repeated = false;
    for (let before = -1n; ; ) {
      const now = COMPARED.rip(computer);
      if (now === before) {
        repeated = true;
      } else {
        if (expected.length > 0) script.push(...(repeated ? [`tbreak *${now}`, 'continue'] : ['stepi']));
        script.push(SHOW);
        expected.push(`@ ${NAMES.map((name) => COMPARED[name](computer).toString(16)).join(' ')}`);
        repeated = false;
      }
      before = now;
      if (computer.step().kind !== 'time') return { expected, script: [...script, 'stepi'] };
    }
  }

  it.each(['boot-sector', 'protected-mode', 'long-mode'])(
    'sees each step of %s, through all modes',
    async (name) => {
      const { expected, script } = lockstep(guest(name));
      const served = new Served(guest(name));
      const output = await served.gdb(script);
      expect(output.match(/^@.*$/gm)).toEqual(expected);
      expect(output).toContain('No more reverse-execution history');
      expect(await served.status).toBe(1);
    },
  );

  it('stops at breakpoints, where RIP in real mode is a linear address', async () => {
    const served = serve(
      16,
      `
      jmp 0x0800:there - 0x8000
      times 0x100 db 0x90
there:  mov ax, 0x1234
        mov bx, ax
        jmp $
`,
    );
    const output = await served.gdb([
      'monitor describe i8086',
      'unset tdesc filename',
      'hbreak *0x8105',
      'continue',
      'printf "@ %x %x %x\\n", $eip, $cs, $cs_base',
      'x/2i $pc',
      'delete',
      'stepi',
      'printf "@ %x %x\\n", $eip, $eax',
      // Written, it is a linear address too.
      'set $pc = 0x8108',
      'stepi',
      'printf "@ %x %x\\n", $eip, $ebx',
      'monitor registers',
    ]);
    expect(output.match(/^@.*$/gm)).toEqual(['@ 8105 800 8000', '@ 8108 1234', '@ 810a 1234']);
    expect(output).toMatch(/0x8105:\tmov +\$0x1234,%ax\n.*0x8108:\tmov +%ax,%bx/);
    expect(output).toMatch(/^cs +0x0800 {2}base 0x8000$/m);
    // gdb at its end kills what was started for it.
    expect(await served.status).toBe(0);
  });

  it('keeps its breakpoints over changes of the description and of the mode', async () => {
    const served = new Served(guest('long-mode'));
    const output = await served.gdb([
      'monitor describe i8086',
      'unset tdesc filename',
      'break *0x7c60',
      'x/2i 0x7c02',
      'continue',
      'monitor describe amd64',
      'unset tdesc filename',
      'printf "@ %lx\\n", $rip',
      'x/i $pc',
      'stepi',
      'printf "@ %lx\\n", $rip',
      'info breakpoints',
    ]);
    expect(output).toMatch(/0x7c02:\txor +%ax,%ax\n.*0x7c04:\tmov +%ax,%ds/);
    expect(output).toContain('Breakpoint 1, 0x00007c60');
    expect(output).toMatch(/=> 0x7c60:\tmov +\$0x7c00,%esp/);
    expect(output.match(/^@.*$/gm)).toEqual(['@ 7c60', '@ 7c65']);
    expect(output).toContain('breakpoint already hit 1 time');
  });

  it('debugs a program in a 32-bit file by its symbols', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ringlab-gdb-'));
    const file = join(directory, 'kernel.elf');
    writeFileSync(file, guest('kernel'));
    const served = new Served(guest('kernel'), { describe: 'i386', memoryBytes: 64 * 2 ** 20 });
    const output = await served.gdb([`file ${file}`, 'break tick', 'continue', 'info symbol $pc', 'x/i $pc']);
    rmSync(directory, { recursive: true });
    expect(output).toMatch(/Breakpoint 1, 0x[0-9a-f]{8} in tick \(\)\ntick in section \.text/);
    expect(served.text).toContain('A small kernel in 64-bit mode');
  });

  it('reads and writes registers and memory', async () => {
    const served = serve(64, 'start: mov rax, [0x18000]\n mov [0x18008], rbx\n jmp $\n');
    const output = await served.gdb([
      'set {long}0x18000 = 0x1122334455667788',
      'set $rbx = -2',
      'set $xmm3.v2_int64[1] = 77',
      'set $st0 = 1.5',
      'set $eflags |= 1',
      'set $fs_base = 0xffff800000001000',
      'stepi 2',
      'printf "@ %lx %lx %d %lx\\n", $rax, {long}0x18008, $xmm3.v2_int64[1], $fs_base',
      'output/x $eflags',
      'echo \\n',
      'p $st0',
      'p $eflags',
      'x/4xb 0x18000',
      'x/4xb 0x123400000000',
      'set $es = 8',
      'set $cr0 = $cr0 & 1',
      'set $cr4 = $cr4 | 0x200',
      'info registers cr0 cr4 efer',
    ]);
    expect(output).toContain('@ 1122334455667788 fffffffffffffffe 77 ffff800000001000');
    expect(output).toMatch(/= 1\.5$/m);
    expect(output).toMatch(/= \[.*CF.*\]/);
    expect(output).toMatch(/0x18000:\t0x88\t0x77\t0x66\t0x55/);
    expect(output).toMatch(/Cannot access memory at address 0x123400000000/);
    expect(output).toMatch(/Could not write register "es".*'E\./);
    expect(output).toMatch(/Could not write register "cr0".*'E\.cr0 does not take 0x1: .*'/);
    expect(output).toMatch(/^cr4 .*\[ .*OSFXSR.*\]$/m);
    expect(output).toMatch(/^cr0 .*\[ .*PG.*\]$/m);
  });

  it('interrupts a guest that runs', async () => {
    const served = serve(
      64,
      `
        mov edx, 0x3f8
        mov al, 'x'
        out dx, al
.loop:  inc rcx
        jmp .loop
`,
    );
    const output = await served.gdb(['continue', 'p $rip', 'p $rcx > 0'], (signal) => {
      // The guest writes when gdb has let it go on.
      void served.until(() => served.text === 'x').then(() => signal('SIGINT'));
    });
    expect(output).toContain('Program received signal SIGINT');
    expect(output).toMatch(/\$1 = .* 0x800[89abcd]/);
    expect(output).toContain('$2 = 1');
  });

  it.each([
    ['by itself', 'show can-use-hw-watchpoints'],
    ['by single steps of gdb', 'set can-use-hw-watchpoints 0'],
  ])('watches memory %s', async (_, setting) => {
    const served = serve(
      64,
      `
        mov ecx, 20
.loop:  add dword [0x18000], 0
        loop .loop
        mov dword [0x18000], 5
        jmp $
`,
    );
    const output = await served.gdb([setting, 'watch *(int *)0x18000', 'continue', 'p $rcx']);
    expect(output).toMatch(/atchpoint 1: .*\n\nOld value = 0\nNew value = 5/);
    expect(output).toContain('$1 = 0');
  });

  it('leaves and comes again', async () => {
    const served = serve(
      64,
      `
.wait:  cmp byte [0x18000], 7
        jne .wait
        mov al, 5
        out 0xf4, al
        jmp $
`,
    );
    expect(await served.gdb(['stepi', 'detach'])).toContain('detached');
    const output = await served.gdb(['p $rip > 0x8000', 'set {char}0x18000 = 7', 'detach']);
    expect(output).toContain('$1 = 1');
    expect(await served.status).toBe(11);
    expect(served.log).toMatch(/detached; the guest goes on\n.*gdb is here/);
    expect(served.log).toMatch(/debug exit port, status 11\n$/);
  });

  it('is told why a guest cannot go on, and can look at it', async () => {
    const halted = await serve(64, 'cli\n mov ebx, 3\n hlt\n').gdb(['continue', 'p $rbx', 'continue']);
    expect(halted.match(/all processors have halted/g)).toHaveLength(2);
    expect(halted).toContain('$1 = 3');
    const crashed = await serve(64, 'mov ebx, 4\n ud2\n').gdb(['continue', 'p $rbx']);
    expect(crashed).toMatch(/CPU 0: triple fault \(shutdown\)\nfirst: #UD/);
    expect(crashed).toContain('signal SIGABRT');
    expect(crashed).toContain('$1 = 4');
  });

  it('goes backwards through modes, each step as it was', async () => {
    const { expected, script } = lockstep(guest('protected-mode'));
    // Not back into a repeated string instruction, which gdb passed by a breakpoint.
    const steps = script.slice(script.lastIndexOf('continue') + 1, -1);
    const count = steps.filter((line) => line === 'stepi').length;
    const back = Array.from({ length: count }, () => ['reverse-stepi', SHOW]).flat();
    const served = new Served(guest('protected-mode'));
    const output = await served.gdb([...script.slice(0, -1), ...back]);
    const shown = output.match(/^@.*$/gm) ?? [];
    expect(count).toBeGreaterThan(100);
    expect(shown.slice(expected.length - 1)).toEqual(expected.slice(-count - 1).reverse());
  });

  it('runs back to breakpoints, undoes what was changed, and prints what is printed once', async () => {
    const program = `
start:  mov ecx, 5
again:  inc qword [0x500]
        mov dx, 0x3f8
        mov al, 'x'
        out dx, al
        loop again
        jmp $
`;
    const served = serve(64, program);
    const output = await served.gdb([
      'break *0x8005',
      ...Array.from({ length: 5 }, () => 'continue'),
      'printf "@ %d\\n", *(long *)0x500',
      'reverse-continue',
      'reverse-continue',
      'printf "@ %d\\n", *(long *)0x500',
      'set *(long *)0x500 = 100',
      'continue',
      'printf "@ %d\\n", *(long *)0x500',
      'reverse-continue',
      'printf "@ %d\\n", *(long *)0x500',
      'reverse-stepi',
      'printf "@ %d\\n", *(long *)0x500',
    ]);
    expect(output.match(/^@.*$/gm)).toEqual(['@ 4', '@ 2', '@ 101', '@ 100', '@ 2']);
    expect(served.text).toBe('xxxx');
  });

  it('runs back to where watched memory was changed', async () => {
    const program = 'start: mov ecx, 3\nagain: add qword [0x500], 10\n loop again\n jmp $\n';
    const output = await serve(64, program).gdb([
      'watch *(long *)0x500',
      'continue',
      'continue',
      'continue',
      'reverse-continue',
      'printf "@ %d\\n", *(long *)0x500',
      'reverse-continue',
      'printf "@ %d %d\\n", *(long *)0x500, $rcx',
    ]);
    expect(output.match(/^@.*$/gm)).toEqual(['@ 20', '@ 10 2']);
    expect(output).toMatch(/Old value = 30\nNew value = 20/);
  });

  it('sees processors as threads', async () => {
    const served = serve(64, 'start: nop\n nop\n jmp start\n', { cpus: 2 });
    const output = await served.gdb([
      'stepi',
      'info threads',
      'thread 2',
      'p/x $cs',
      'break *0x8001',
      'continue',
    ]);
    expect(output).toMatch(/\* 1 +Thread 1 \(CPU 0: 64-bit mode, ring 0\)/);
    expect(output).toMatch(/ 2 +Thread 2 \(CPU 1: real mode, ring 0, has not started: waits for SIPI\)/);
    expect(output).toMatch(/Thread 1 hit Breakpoint 1, 0x0*8001/);
  });

  it('goes backwards where the debuggee can', async () => {
    const server = new GdbServer(new CountingDebuggee(), 'amd64', () => {});
    const output = await runGdb(await server.listen(0), [
      'stepi 5',
      'reverse-stepi',
      'printf "@ %d\\n", $rip',
      'break *0x20',
      'break *0x30',
      'continue',
      'continue',
      'reverse-continue',
      'printf "@ %d\\n", $rip',
      'reverse-continue',
      'printf "@ %d\\n", $rip',
      'delete',
      'continue',
      'printf "@ %d\\n", $rip',
    ]);
    expect(output.match(/^@.*$/gm)).toEqual(['@ 4', '@ 32', '@ 0', '@ 100']);
    expect(output.match(/No more reverse-execution history/g)).toHaveLength(2);
    expect(await server.over).toBe('killed');
  });
});

describe('the server', () => {
  it('has one gdb at a time, and goes on waiting when that is lost', async () => {
    const served = serve(64, 'jmp $\n');
    const port = await served.port;
    const first = connect(port, '127.0.0.1');
    await served.until(() => /gdb is here/.test(served.log));
    await once(
      connect(port, '127.0.0.1').on('error', () => {}),
      'close',
    );
    expect(served.log).toMatch(/another gdb was turned away/);
    first.destroy();
    await served.until(() => /the connection to gdb was lost/.test(served.log));
    const second = connect(port, '127.0.0.1');
    second.write('$k#6b');
    expect(await served.status).toBe(0);
  });

  it('turns away what is not gdb, whatever it says', async () => {
    const served = serve(64, 'jmp $\n');
    const port = await served.port;
    const browser = connect(port, '127.0.0.1').on('error', () => {});
    browser.write('POST / HTTP/1.1\r\n\r\n$k#6b');
    await once(browser, 'close');
    await served.until(() => /the connection to gdb was lost/.test(served.log));
    expect(served.log).toMatch(/does not speak as gdb does/);
    connect(port, '127.0.0.1').write('$k#6b');
    expect(await served.status).toBe(0);
  });

  it('says when it cannot have the port', async () => {
    const served = serve(64, 'jmp $\n');
    const port = await served.port;
    const other = serve(64, 'jmp $\n', { port });
    expect(await other.status).toBe(2);
    expect(other.log).toMatch(/port \d+ cannot be had: .*EADDRINUSE.*choose another with --port/);
    connect(port, '127.0.0.1').write('$k#6b');
    expect(await served.status).toBe(0);
  });
});
