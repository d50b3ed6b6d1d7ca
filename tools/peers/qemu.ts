/** QEMU's emulator TCG, with one thread for the processor. */
import { spawn } from 'node:child_process';
import { onPath, run } from '../../scripts/lib/run.mjs';
import { needPackages } from './debian.ts';
import { type Command, type Conversation, Dialogue } from './dialogue.ts';
import { COMMAND_LINE, type Guest, LIMIT_MS, RAM_BYTES } from './guest.ts';
import { findThread, sleep, timeOf } from './processor-time.ts';

/** By the bits of the guest's kernel. */
const PROGRAMS = { 32: 'qemu-system-i386', 64: 'qemu-system-x86_64' } as const;
/** QEMU's name for the thread that runs the processors in turn. */
const PROCESSOR_THREAD = 'ALL CPUs/TCG';
/** Milliseconds until a guest that waits for input has come to rest. */
const REST = 3;

/** Returns the version. */
export function needQemu(bits: Guest['bits']): string {
  const program = PROGRAMS[bits];
  needPackages('QEMU', ['qemu-system-x86'], () => onPath(program));
  return /version (\S+)/.exec(run(program, ['--version']).toString())?.[1] ?? '(unknown version)';
}

export function runInQemu(guest: Guest, commands: readonly Command[]): Promise<Conversation> {
  const options = {
    '-name': 'peers,debug-threads=on',
    '-accel': 'tcg,thread=single',
    '-m': String(RAM_BYTES / 2 ** 20),
    '-display': 'none',
    '-serial': 'stdio',
    '-kernel': guest.kernel,
    '-initrd': guest.initramfs,
    '-append': COMMAND_LINE,
  };
  const args = ['-nodefaults', '-no-reboot', ...Object.entries(options).flat()];
  const program = PROGRAMS[guest.bits];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: LIMIT_MS });
  return new Promise<Conversation>((resolve, reject) => {
    let thread: string | undefined;
    const dialogue = new Dialogue(commands, {
      sample: () => {
        thread ??= findThread(PROCESSOR_THREAD, child.pid!);
        sleep(REST);
        return timeOf(thread);
      },
      send: (text) => child.stdin.write(text),
      finished: resolve,
      failed: (reason) => reject(new Error(`${reason}\n${dialogue.tail}`)),
    });
    child.stdout.on('data', (data: Buffer) => {
      for (const byte of data) dialogue.feed(byte);
    });
    child.on('error', reject);
    child.on('close', () => reject(new Error(`${program} ended early:\n${dialogue.tail}`)));
  }).finally(() => child.kill('SIGKILL'));
}
