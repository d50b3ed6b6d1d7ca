/**
 * Debian's cloud kernel from power-on to the shell's prompt. Every boot has a process of its own, so that
 * nothing that V8 compiled in one boot is there in the next.
 */
import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runBench } from '../../src/cli/run.ts';
import { cpuSeconds } from './cpu-time.ts';
import type { Measurement } from './measure.ts';
import { openBench, SETUP_KEYS, SETUPS, type SetupKey } from './setups.ts';

const GUEST = join(import.meta.dirname, '..', '..', '.cache', 'guests', 'cloud');
const MEMORY = 256 << 20;
const COMMAND_LINE =
  'console=ttyS0 quiet nokaslr cryptomgr.notests initcall_blacklist=load_system_certificate_list';
const PROMPT = '~ # ';

/** Whether `npm run guests` has been here. */
export const hasLinux = (): boolean => existsSync(join(GUEST, 'vmlinuz'));

/** Boots in a new process. */
export function measureBoot(setup: SetupKey): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, [setup], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let result: Measurement | undefined;
    child.on('message', (message) => {
      result = message as Measurement;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (result) resolve(result);
      else reject(new Error(`the boot of Linux (${setup}) ended with status ${status}`));
    });
  });
}

function boot(setup: SetupKey): Measurement {
  const image = {
    kernel: readFileSync(join(GUEST, 'vmlinuz')),
    initrd: readFileSync(join(GUEST, 'initramfs.cpio')),
    commandLine: COMMAND_LINE,
  };
  const bytes = new TextEncoder().encode(PROMPT);
  const start = cpuSeconds();
  const bench = openBench(SETUPS[setup], MEMORY, image);
  const script = [{ kind: 'until', bytes, text: PROMPT }] as const;
  const { outcome, instructions } = runBench(bench, { script }, { write: () => {}, seconds: () => 0 });
  if (outcome.kind !== 'conversation-over')
    throw new Error(`Linux did not come to its prompt: ${outcome.kind}`);
  return { instructions, seconds: cpuSeconds() - start };
}

if (process.argv[1] === import.meta.filename) {
  const setup = SETUP_KEYS.find((key) => key === process.argv[2]);
  if (!setup || !process.send)
    throw new Error(`started by the benchmark, with one of ${SETUP_KEYS.join(', ')}`);
  process.send(boot(setup));
}
