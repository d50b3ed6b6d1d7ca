/** Everything that can run the benchmark program, by name. */
import { basename, join } from 'node:path';
import { bundle } from './bundle.ts';
import { runInChromium } from './chromium.ts';
import type { Command, Conversation } from './dialogue.ts';
import { COMMAND_LINE, makeGuest, RAM_BYTES } from './guest.ts';
import type { Setup } from './hosts/converse.ts';
import { runNative } from './native.ts';
import { runInNode } from './node-host.ts';
import { buildProgram } from './program.ts';
import { needQemu, runInQemu } from './qemu.ts';
import { needV86 } from './v86.ts';

export const EMULATORS = ['native', 'qemu', 'v86', 'lab'] as const;
export type EmulatorName = (typeof EMULATORS)[number];

export const PLACES = ['node', 'chromium'] as const;
export type Place = (typeof PLACES)[number];

export interface Competitor {
  readonly emulator: EmulatorName;
  /** For emulators that run in JavaScript. */
  readonly place?: Place;
  run(commands: readonly Command[]): Promise<Conversation>;
}

export interface Choice {
  readonly emulators: readonly EmulatorName[];
  readonly places: readonly Place[];
}

/** Gets and makes what the chosen competitors need. `cache` is the project's .cache. */
export async function prepareCompetitors(choice: Choice, cache: string): Promise<Competitor[]> {
  const folder = join(cache, 'peers');
  const program = buildProgram(join(folder, 'program'));
  const guest = makeGuest(cache, join(folder, 'guest'), program);
  const wants = (name: EmulatorName) => choice.emulators.includes(name);
  const competitors: Competitor[] = [];
  if (wants('native')) {
    competitors.push({ emulator: 'native', run: (commands) => runNative(program, guest.busybox, commands) });
  }
  if (wants('qemu')) {
    needQemu();
    competitors.push({ emulator: 'qemu', run: (commands) => runInQemu(guest, commands) });
  }
  const hosts = await bundle(join(folder, 'hosts'));
  const common = {
    kernel: guest.kernel,
    initramfs: guest.initramfs,
    commandLine: COMMAND_LINE,
    ramBytes: RAM_BYTES,
  };
  const setups: Partial<Record<EmulatorName, (commands: readonly Command[]) => Setup>> = {};
  if (wants('v86')) {
    const v86 = needV86(join(folder, 'v86'));
    setups.v86 = (commands) => ({ ...common, commands, emulator: 'v86', ...v86 });
  }
  if (wants('lab')) {
    const { interpreter } = hosts;
    setups.lab = (commands) => ({ ...common, commands, emulator: 'lab', interpreter });
  }
  for (const place of choice.places) {
    for (const [emulator, setup] of Object.entries(setups) as [EmulatorName, (typeof setups)['lab'] & {}][]) {
      competitors.push({
        emulator,
        place,
        run: (commands) =>
          place === 'node'
            ? runInNode(hosts.node, setup(commands))
            : inChromium(hosts.worker, setup(commands)),
      });
    }
  }
  return competitors;
}

const ADDRESSES = ['kernel', 'initramfs', 'interpreter', 'library', 'wasm', 'bios', 'vgaBios'];

/** Serves every file of the setup under its name, and names it so in the setup. */
function inChromium(worker: string, setup: Setup): Promise<Conversation> {
  const files: Record<string, string> = { 'worker.mjs': worker };
  const served = Object.entries(setup).map(([key, value]) => {
    if (!ADDRESSES.includes(key)) return [key, value];
    files[basename(value as string)] = value as string;
    return [key, `/${basename(value as string)}`];
  });
  return runInChromium(files, Object.fromEntries(served) as Setup);
}
