/** The small userland of the Linux guests: Debian's static busybox and one script. */
import { CHARACTER_DEVICE, cpio, DIRECTORY, FILE } from './cpio.mjs';

const INIT = `#!/bin/busybox sh
export PATH=/bin HOME=/root TERM=xterm PS1='\${PWD/$HOME/\\~} # '
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s /bin
cd /root
echo
echo "Linux $(uname -r) on $(uname -m), userland: busybox. End with: poweroff -f"
setsid cttyhack sh
poweroff -f
`;

/**
 * An uncompressed initramfs that starts a shell with the prompt "~ # " on the console.
 * When the shell ends, the machine is powered off.
 * @param {Uint8Array} busybox a static busybox program
 */
export function initramfs(busybox) {
  const folders = ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp'];
  return cpio([
    ...folders.map((path) => ({ path, mode: DIRECTORY | 0o755 })),
    { path: 'dev/console', mode: CHARACTER_DEVICE | 0o600, device: [5, 1] },
    { path: 'dev/null', mode: CHARACTER_DEVICE | 0o666, device: [1, 3] },
    { path: 'bin/busybox', mode: FILE | 0o755, data: busybox },
    { path: 'init', mode: FILE | 0o755, data: Buffer.from(INIT) },
  ]);
}
