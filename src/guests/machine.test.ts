import { describe, expect, it } from 'vitest';
import { MachineBench } from '../cli/machine-bench.ts';
import { ringlab } from '../cli/session.ts';
import { VmBench } from '../cli/vm-bench.ts';
import { type Guest, guestNamed } from './index.ts';

interface Run {
  readonly status: number;
  readonly text: string;
  readonly log: string;
}

/** Runs a guest as the command line does; `conversation` is pairs of a text waited for and a line typed then. */
function run(
  command: 'boot' | 'vm',
  name: string,
  conversation: readonly (readonly [string, string])[] = [],
  options: readonly string[] = [],
): Run {
  const guest = guestNamed(name) as Guest;
  const image = guest.assemble().bytes;
  const placed = guest.flat
    ? ['--address', `0x${guest.flat.address.toString(16)}`, '--mode', guest.flat.mode]
    : [];
  const talk = conversation.flatMap(([until, line]) => ['--until', until, '--send', `${line}\\n`]);
  let text = '';
  let log = '';
  const status = ringlab(
    [command, name, '--memory', '64M', '--limit', '200M', ...placed, ...talk, ...options],
    {
      readFile: () => image,
      writeFile: () => {},
      writeOutput: (bytes) => {
        text += Buffer.from(bytes).toString('latin1').replaceAll('\r', '');
      },
      writeError: (line) => {
        log += line;
      },
      seconds: () => 0,
    },
    {
      machine: (options, boot) => new MachineBench(options, boot),
      vm: (options, boot) => new VmBench(options, boot),
    },
  );
  return { status, text, log };
}

/** Exit status after the value 0 on the debug exit port. */
const DONE = 1;

const EXAMPLES = [
  ['boot-sector', 'Hello from real mode.\n'],
  ['protected-mode', 'Hello from protected mode, read at C0000000h and more.\n'],
  ['long-mode', 'Hello from 64-bit mode.\n'],
] as const;

describe.each(['boot', 'vm'] as const)('ringlab %s', (command) => {
  it.each(EXAMPLES)('%s', (name, text) => {
    expect(run(command, name)).toMatchObject({ text, status: DONE });
  });

  it('kernel resets on a triple fault', () => {
    const { text, log } = run(command, 'kernel', [['> ', 'crash']]);
    expect(text).toMatch(/triple fault\n$/);
    expect(log).toMatch(/triple fault/i);
  });
});

it('hypervisor runs its guest on the bare machine', () => {
  expect(run('boot', 'hypervisor')).toMatchObject({
    status: DONE,
    text: [
      'In VMX root operation.',
      'exit a: CPUID 756e6547',
      'exit 1e: I/O 80 47',
      'exit 1f: RDMSR 1234',
      'exit 1e: I/O 80 2a',
      'exit c: HLT',
      'exit 12: VMCALL',
      'The guest is done.\n',
    ].join('\n'),
  });
});

it("tiny-hypervisor reports its guest's exits on the bare machine", () => {
  expect(run('boot', 'tiny-hypervisor')).toMatchObject({
    status: DONE,
    text: 'CPUID\nOUT H\nOUT i\nOUT !\nHLT\nThe guest is done.\n',
  });
});

describe('tiny-hypervisor-amd-v', () => {
  const boot = (virtualization: string) =>
    run('boot', 'tiny-hypervisor-amd-v', [], ['--virtualization', virtualization]);

  it('prints what its guest says on a bare machine with AMD-V', () => {
    expect(boot('amd-v')).toMatchObject({ status: DONE, text: 'Hello from ring 0, inside a VM..' });
  });

  it('ends at once where there is VT-x', () => {
    expect(boot('vt-x')).toMatchObject({ status: (65 << 1) | 1, text: '' });
  });
});

it('the VT-x hypervisor says so on a processor with AMD-V', () => {
  expect(run('boot', 'hypervisor', [], ['--virtualization', 'amd-v'])).toMatchObject({
    status: 3,
    text: 'This processor has no VT-x.\n',
  });
});

it('paravirtual prints by hypercalls, and nothing where there is no hypervisor', () => {
  const { status, text } = run('vm', 'paravirtual');
  expect(status).toBe(DONE);
  expect(text).toMatch(/^Hello by hypercall\.\nYielding took +\d+ ns\.\n$/);
  expect(run('boot', 'paravirtual')).toMatchObject({ status: 3, text: '' });
});

const COMMANDS = ['help', 'ps', 'mem', 'peek 100000', 'nonsense', 'fault', 'balloon 10', 'hv', 'halt'];
const PROMPTED = COMMANDS.map((line) => ['> ', line] as const);
const numberIn = (text: string, label: string) => Number(new RegExp(`${label} +(\\d+)`).exec(text)?.[1]);

it('kernel uses the devices of the bare machine', () => {
  const { text, status } = run('boot', 'kernel', PROMPTED);
  expect(status).toBe(DONE);
  expect(text).toMatch(/using emulated devices/);
  expect(text).toMatch(/100000h: {2}2 b0 ad 1b/);
  expect(text).toMatch(/killed: task fault: exception 13, error code 0h, at 40000[\da-f]{3}h/);
  expect(text).toMatch(/no hypervisor takes them/);
  expect(numberIn(text, 'hypercalls')).toBe(0);
  expect(numberIn(text, 'port accesses')).toBeGreaterThan(1000);
  expect(text).toMatch(/halted\n$/);
});

it('kernel uses the hypercalls of the hypervisor', () => {
  const { text, status } = run('vm', 'kernel', PROMPTED);
  expect(status).toBe(DONE);
  expect(text).toMatch(/using hypercalls of RinglabHV/);
  expect(text).toMatch(/killed: task fault: exception 13/);
  expect(numberIn(text, 'frames lent')).toBe(16);
  expect(numberIn(text, 'port accesses')).toBe(2);
  expect(numberIn(text, 'hypercalls')).toBeGreaterThan(5);
  expect(numberIn(text, 'calls in batches')).toBeGreaterThan(0);
  expect(text).toMatch(/halted\n$/);
});
