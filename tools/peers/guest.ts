/** The one guest that every emulator boots: Debian's i386 kernel, busybox and the benchmark program. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHARACTER_DEVICE, cpio, DIRECTORY, FILE } from '../../scripts/lib/cpio.mjs';

export const RAM_BYTES = 256 * 2 ** 20;

/** Wall-clock milliseconds after which a boot with all its tests is given up. */
export const LIMIT_MS = 20 * 60_000;

/**
 * `mitigations=off`: else the kernel would work around the flaws of the processor that each emulator
 * happens to name. The console is slow to set up, not to use: no emulator models its speed.
 */
export const COMMAND_LINE =
  'console=ttyS0,115200 quiet nokaslr mitigations=off cryptomgr.notests random.trust_cpu=on ' +
  'initcall_blacklist=load_system_certificate_list';

const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
cd /tmp
exec /bin/benchmark </dev/ttyS0 >/dev/ttyS0 2>&1
`;

/** Debian's kernels that a comparison can boot, as packaged, with the bits of their code. */
export const KERNELS = { i386: 32, cloud: 64, amd64: 64 } as const;
export type KernelName = keyof typeof KERNELS;

/** Paths of files on this computer. */
export interface Guest {
  readonly bits: 32 | 64;
  readonly kernel: string;
  readonly initramfs: string;
  /** busybox, a program of i386. */
  readonly busybox: string;
}

/** The contents of `path` in a "newc" archive, the format that scripts/lib/cpio.mjs writes. */
export function fromCpio(archive: Buffer, path: string): Buffer {
  const HEADER = 110;
  const align = (offset: number) => (offset + 3) & ~3;
  for (let at = 0; at + HEADER < archive.length; ) {
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const [size, nameSize] = [field(6), field(11)];
    const name = archive.toString('latin1', at + HEADER, at + HEADER + nameSize - 1);
    const data = align(at + HEADER + nameSize);
    if (name === path) return archive.subarray(data, data + size);
    at = align(data + size);
  }
  throw new Error(`the archive has no file ${path}`);
}

/**
 * Makes the initramfs in `folder`: of programs for i386, which all of the kernels run.
 * The kernel and busybox come from .cache/guests (npm run guests).
 */
export function makeGuest(cache: string, folder: string, program: string, name: KernelName): Guest {
  const kernel = join(cache, 'guests', name, 'vmlinuz');
  if (!existsSync(kernel)) throw new Error(`${kernel} is missing: run \`npm run guests\` first`);
  const busybox = fromCpio(readFileSync(join(cache, 'guests', 'i386', 'initramfs.cpio')), 'bin/busybox');
  const folders = ['bin', 'dev', 'proc', 'tmp'].map((path) => ({ path, mode: DIRECTORY | 0o755 }));
  const archive = cpio([
    ...folders,
    { path: 'dev/console', mode: CHARACTER_DEVICE | 0o600, device: [5, 1] },
    { path: 'bin/busybox', mode: FILE | 0o755, data: busybox },
    { path: 'bin/benchmark', mode: FILE | 0o755, data: readFileSync(program) },
    { path: 'init', mode: FILE | 0o755, data: Buffer.from(INIT) },
  ]);
  mkdirSync(folder, { recursive: true });
  const paths = { initramfs: join(folder, 'initramfs.cpio'), busybox: join(folder, 'busybox') };
  writeFileSync(paths.initramfs, archive);
  writeFileSync(paths.busybox, busybox, { mode: 0o755 });
  return { bits: KERNELS[name], kernel, ...paths };
}
