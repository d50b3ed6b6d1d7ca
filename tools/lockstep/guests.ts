/** The Linux guests that `npm run guests` has made, as boot images. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BootImage } from '../../src/machine/boot/load.ts';

const ROOT = join(import.meta.dirname, '..', '..', '.cache', 'guests');

/** Kernel files, by guest. */
const KERNELS = { i386: 'vmlinuz', amd64: 'vmlinuz', cloud: 'vmlinux' } as const;

export type GuestName = keyof typeof KERNELS;

export const GUEST_NAMES = Object.keys(KERNELS) as GuestName[];

export const hasGuest = (name: GuestName): boolean => existsSync(join(ROOT, name, KERNELS[name]));

/** Throws Error when the files are not there: `npm run guests` makes them. */
export const guestImage = (name: GuestName): BootImage => ({
  kernel: readFileSync(join(ROOT, name, KERNELS[name])),
  initrd: readFileSync(join(ROOT, name, 'initramfs.cpio')),
  commandLine: 'console=ttyS0 nokaslr cryptomgr.notests',
});
