/**
 * Debian's cloud kernel from power-on to the shell's prompt. Every boot has a process of its own, so that
 * nothing that V8 compiled in one boot is there in the next.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inChild } from './child.ts';
import type { Measurement } from './measure.ts';
import type { SetupKey } from './setups.ts';

/** The benchmark runs in the project's folder. */
export const GUEST = join(process.cwd(), '.cache', 'guests', 'cloud');

/** Whether `npm run guests` has been here. */
export const hasLinux = (): boolean => existsSync(join(GUEST, 'vmlinuz'));

/** Boots in a new process. */
export const measureBoot = (setup: SetupKey): Promise<Measurement> => inChild('boot', [setup]);
