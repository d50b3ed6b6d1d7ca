/**
 * Debian's cloud kernel from power-on to the shell's prompt. Every boot has a process of its own, so that
 * nothing that V8 compiled in one boot is there in the next.
 */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Measurement } from './measure.ts';
import type { SetupKey } from './setups.ts';

/** The benchmark runs in the project's folder. */
export const GUEST = join(process.cwd(), '.cache', 'guests', 'cloud');

/** Whether `npm run guests` has been here. */
export const hasLinux = (): boolean => existsSync(join(GUEST, 'vmlinuz'));

/** Boots in a new process: `boot.ts`, which is bundled beside this. */
export function measureBoot(setup: SetupKey): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    const program = join(import.meta.dirname, 'boot.mjs');
    const child = fork(program, [setup], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
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
