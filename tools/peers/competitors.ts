/** Everything that can run the benchmark program, by name. */
import { join } from 'node:path';
import type { Tier2Mode } from '../../src/contracts/tiers.ts';
import { type Bundles, bundle } from './bundle.ts';
import { chromiumVersion, runInChromium } from './chromium.ts';
import type { Command, Conversation } from './dialogue.ts';
import { COMMAND_LINE, type Guest, type KernelName, makeGuest, RAM_BYTES } from './guest.ts';
import type { Setup } from './hosts/converse.ts';
import { runNative } from './native.ts';
import { runInNode } from './node-host.ts';
import { buildProgram } from './program.ts';
import { needQemu, runInQemu } from './qemu.ts';
import { needV86, type V86, V86_VERSION } from './v86.ts';

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

/** What is to run. */
export interface Choice {
  readonly emulators: readonly EmulatorName[];
  readonly places: readonly Place[];
  readonly kernel: KernelName;
  /** Of the lab. */
  readonly tier2: Tier2Mode;
}

export interface Field {
  readonly competitors: readonly Competitor[];
  /** "QEMU 7.2.22", ... */
  readonly versions: readonly string[];
}

/** Gets and makes what the chosen competitors need. `cache` is the project's .cache. */
export async function prepareCompetitors(choice: Choice, cache: string): Promise<Field> {
  const folder = join(cache, 'peers');
  const program = buildProgram(join(folder, 'program'));
  const guest = makeGuest(cache, join(folder, 'guest'), program, choice.kernel);
  const wants = (name: EmulatorName) => choice.emulators.includes(name);
  const competitors: Competitor[] = [];
  const versions: string[] = [];
  if (wants('native')) {
    competitors.push({ emulator: 'native', run: (commands) => runNative(program, guest.busybox, commands) });
  }
  if (wants('qemu')) {
    versions.push(`QEMU ${needQemu(guest.bits)}`);
    competitors.push({ emulator: 'qemu', run: (commands) => runInQemu(guest, commands) });
  }
  const hosted = EMULATORS.filter(isHosted).filter(wants);
  if (hosted.length === 0) return { competitors, versions };
  if (wants('v86')) versions.push(`v86 ${V86_VERSION}`);
  versions.push(`Node ${process.version.slice(1)}`);
  if (choice.places.includes('chromium')) versions.push(chromiumVersion());
  const bundles = await bundle(join(folder, 'hosts'));
  const makers = {
    v86: () => v86Setup(guest, needV86(join(folder, 'v86'))),
    lab: () => labSetup(guest, bundles, choice.tier2),
  };
  for (const place of choice.places) {
    for (const emulator of hosted) {
      const setup = makers[emulator]();
      const run = place === 'node' ? runInNode : runInChromium;
      competitors.push({ emulator, place, run: (commands) => run(bundles, { ...setup, commands }) });
    }
  }
  return { competitors, versions };
}

/** The emulators that run in JavaScript. */
type Hosted = 'v86' | 'lab';
const isHosted = (name: EmulatorName): name is Hosted => name === 'v86' || name === 'lab';

const COMMON = { commandLine: COMMAND_LINE, ramBytes: RAM_BYTES, commands: [] };

function labSetup({ kernel, initramfs }: Guest, { interpreter }: Bundles, tier2: Tier2Mode): Setup {
  return { ...COMMON, emulator: 'lab', tier2, files: { kernel, initramfs, interpreter } };
}

function v86Setup({ kernel, initramfs }: Guest, v86: V86): Setup {
  return { ...COMMON, emulator: 'v86', files: { kernel, initramfs, ...v86 } };
}
