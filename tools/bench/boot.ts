/** One boot of Debian's cloud kernel to the shell's prompt, in a process that the benchmark has started. */
import '../../src/cli/branch-hints.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runBench } from '../../src/cli/run.ts';
import { cpuSeconds } from './cpu-time.ts';
import { GUEST } from './linux.ts';
import type { Measurement } from './measure.ts';
import { openBench, SETUP_KEYS, SETUPS, type Setup } from './setups.ts';

const MEMORY = 256 << 20;
const COMMAND_LINE =
  'console=ttyS0 quiet nokaslr cryptomgr.notests initcall_blacklist=load_system_certificate_list';
const PROMPT = '~ # ';

function boot(setup: Setup): Measurement {
  const image = {
    kernel: readFileSync(join(GUEST, 'vmlinuz')),
    initrd: readFileSync(join(GUEST, 'initramfs.cpio')),
    commandLine: COMMAND_LINE,
  };
  const start = cpuSeconds();
  const bench = openBench(setup, MEMORY, image);
  const script = [{ kind: 'until', bytes: new TextEncoder().encode(PROMPT), text: PROMPT }] as const;
  const { outcome, instructions } = runBench(bench, { script }, { write: () => {}, seconds: () => 0 });
  if (outcome.kind !== 'conversation-over')
    throw new Error(`Linux did not come to its prompt: ${outcome.kind}`);
  return { instructions, seconds: cpuSeconds() - start };
}

const key = SETUP_KEYS.find((one) => one === process.argv[2]);
if (!key || !process.send) throw new Error(`started by the benchmark, with one of ${SETUP_KEYS.join(', ')}`);
process.send(boot(SETUPS[key]));
