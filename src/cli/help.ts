import { EXIT_STATUSES } from './exit-status.ts';
import { OPTIONS } from './options.ts';

const COLUMN = 26;
const LINE = 100;

/** Two columns; the right one is broken between words. */
function row(left: string, right: string): string {
  const lines = [''];
  for (const word of right.split(' ')) {
    const last = lines.length - 1;
    const longer = lines[last] === '' ? word : `${lines[last]} ${word}`;
    if (COLUMN + longer.length <= LINE) lines[last] = longer;
    else lines.push(word);
  }
  return lines.map((line, i) => `  ${(i === 0 ? left : '').padEnd(COLUMN)}${line}`).join('\n');
}

/** The text of `ringlab --help`. */
export function helpText(): string {
  const options = OPTIONS.map(({ name, value, help }) =>
    row(value === undefined ? name : `${name} ${value}`, help),
  );
  const statuses = EXIT_STATUSES.map(({ status, meaning }) => row(status, meaning));
  return [
    'Boots a kernel on the simulated computer. The console goes to standard output, messages to standard error.',
    '',
    'Usage: ringlab COMMAND FILE [OPTION]...',
    '',
    'Commands',
    row('boot FILE', 'on the bare machine'),
    row('vm FILE', 'in a virtual machine under the hypervisor'),
    row(
      'gdb FILE',
      'on the bare machine, stopped at its first instruction until gdb connects and lets it go on',
    ),
    row('bridge', 'boots nothing: connects gdb with a machine of a lab that is open in a browser'),
    '',
    'FILE is a Linux bzImage or vmlinux, a PVH, multiboot 1 or 2 kernel, a static x86 ELF program, a boot',
    'sector, or a flat binary with --address and --mode.',
    '',
    'Options',
    ...options,
    '',
    '--until and --send make a conversation in the order given. Example:',
    "  ringlab boot vmlinuz --initrd initramfs.cpio --append 'console=ttyS0' \\",
    "    --until '~ # ' --send 'uname -a\\n' --until '~ # '",
    '',
    'Exit status',
    ...statuses,
    '',
  ].join('\n');
}
