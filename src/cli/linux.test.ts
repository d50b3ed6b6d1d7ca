/** Debian's kernels, as packaged, boot to a shell on the bare machine and in a virtual machine. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const guests = join(root, '.cache', 'guests');
const PROMPT = '~ # ';
const COMMANDS =
  'uname -a; cat /proc/cpuinfo; ls -l /proc | head; awk "BEGIN{print sqrt(2)}"; awk "BEGIN{print 2/3}"; echo finished';
const APPEND =
  'console=ttyS0 quiet nokaslr cryptomgr.notests initcall_blacklist=load_system_certificate_list';

interface Report {
  readonly instructions: number;
  readonly exits: Readonly<Record<string, number>>;
}

interface Run {
  readonly status: number | null;
  readonly output: string;
  readonly log: string;
  readonly report: Report;
}

function ringlab(command: 'boot' | 'vm', guest: string, ...options: string[]): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'ringlab-'));
  const json = join(directory, 'report.json');
  const files = [join(guests, guest, 'vmlinuz'), '--initrd', join(guests, guest, 'initramfs.cpio')];
  const program = ['scripts/bundled.mjs', 'src/cli/main.ts'];
  const args = [...program, command, ...files, '--append', APPEND, '--json', json, ...options];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let log = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString('latin1');
    });
    child.stderr.on('data', (data: Buffer) => {
      log += data.toString('latin1');
    });
    child.on('close', (status) => {
      const report = existsSync(json)
        ? JSON.parse(readFileSync(json, 'utf8'))
        : { instructions: 0, exits: {} };
      rmSync(directory, { recursive: true });
      resolve({ status, output, log, report });
    });
  });
}

const CONVERSATION = [
  '--until',
  PROMPT,
  '--send',
  `${COMMANDS}\\n`,
  '--until',
  'finished\r\n',
  '--until',
  PROMPT,
];

const missingKernel = (guest: string): boolean => !existsSync(join(guests, guest, 'vmlinuz'));

const KERNELS = [
  { guest: 'cloud', machine: 'x86_64' },
  { guest: 'i386', machine: 'i686' },
  { guest: 'amd64', machine: 'x86_64' },
] as const;

describe.each(KERNELS)('Debian kernel $guest', ({ guest, machine }) => {
  it.skipIf(missingKernel(guest)).for(['boot', 'vm'] as const)(
    '%s: to a shell that answers',
    { timeout: 900_000 },
    async (command) => {
      const { status, output, log, report } = await ringlab(command, guest, ...CONVERSATION);
      expect({ status, log: status === 0 ? '' : log, tail: status === 0 ? '' : output.slice(-2000) }).toEqual(
        {
          status: 0,
          log: '',
          tail: '',
        },
      );
      expect(output).toMatch(new RegExp(`Linux .* ${machine} GNU/Linux`));
      expect(output).toContain('Ringlab x86-64 processor');
      expect(output).toContain('0.666667');
      expect(report.instructions).toBeGreaterThan(100_000_000);
      if (command === 'vm') expect(report.exits['EPT violation']).toBeGreaterThan(1000);
      else expect(report.exits).toEqual({});
    },
  );
});

it.skipIf(missingKernel('cloud'))('Debian kernel cloud on AMD-V', { timeout: 900_000 }, async () => {
  const { status, output } = await ringlab('boot', 'cloud', '--virtualization', 'amd-v', ...CONVERSATION);
  expect({ status, tail: status === 0 ? '' : output.slice(-2000) }).toEqual({ status: 0, tail: '' });
  expect(output).toContain('AuthenticAMD');
  expect(output).toMatch(/flags.* svm .* npt /);
  expect(output).not.toMatch(/unchecked MSR/);
});
