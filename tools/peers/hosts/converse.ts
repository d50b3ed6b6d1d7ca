/** One boot of an emulator in this thread, and the whole conversation with the benchmark program. */
import type { Tier2Mode } from '../../../src/contracts/tiers.ts';
import type { RegionCompiler } from '../../../src/cpu/regions/compiler.ts';
import { type Command, type Conversation, Dialogue } from '../dialogue.ts';
import { difference, type ProcessorTime } from '../time.ts';
import type { Emulator, Images } from './emulator.ts';
import { bootLab } from './lab.ts';
import { bootV86 } from './v86.ts';

/** Files by address: what `Surroundings.load` understands, a path in Node, a URL in a browser. */
type Addresses<Name extends string> = Readonly<Record<Name, string>>;
type ImageName = 'kernel' | 'initramfs';

export type Setup = {
  readonly commandLine: string;
  readonly ramBytes: number;
  readonly commands: readonly Command[];
} & (
  | {
      readonly emulator: 'lab';
      readonly files: Addresses<ImageName | 'interpreter'>;
      readonly tier2: Tier2Mode;
    }
  | {
      readonly emulator: 'v86';
      readonly files: Addresses<ImageName | 'library' | 'wasm' | 'bios' | 'vgaBios'>;
    }
);

export interface Surroundings {
  load(address: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Time of this thread so far. */
  sample(): ProcessorTime;
  /** Starts a thread that compiles the lab's regions. */
  compiler(): RegionCompiler;
}

/** What a host sends to the driver. */
export type Answer =
  | { readonly kind: 'result'; readonly result: Conversation }
  | { readonly kind: 'failure'; readonly reason: string };

type BootNow = (output: (byte: number) => void, failed: (reason: string) => void) => Promise<Emulator>;

/** Loads everything that the boot needs, so that the boot itself waits for no file. */
async function prepare(setup: Setup, { load, compiler }: Surroundings): Promise<BootNow> {
  const { commandLine, ramBytes, files } = setup;
  const [kernel, initramfs] = [await load(files.kernel), await load(files.initramfs)];
  const images: Images = { kernel, initramfs, commandLine, ramBytes };
  if (setup.emulator === 'lab') {
    const interpreter = await load(setup.files.interpreter);
    const { tier2 } = setup;
    return async (...events) => bootLab(images, { interpreter, tier2, compiler }, ...events);
  }
  const { library } = setup.files;
  const wasm = await load(setup.files.wasm);
  const [bios, vgaBios] = [await load(setup.files.bios), await load(setup.files.vgaBios)];
  return async (...events) => bootV86(images, { library, wasm, bios, vgaBios }, ...events);
}

export async function converse(setup: Setup, surroundings: Surroundings): Promise<Answer> {
  const bootNow = await prepare(setup, surroundings);
  const { sample } = surroundings;
  const start = sample();
  return new Promise<Answer>((resolve) => {
    let emulator: Emulator | undefined;
    const dialogue = new Dialogue(setup.commands, {
      sample,
      send: (text) => emulator?.send(text),
      finished: (result) => {
        emulator?.stop();
        resolve({ kind: 'result', result: { ...result, boot: difference(result.boot, start) } });
      },
      failed,
    });
    function failed(reason: string): void {
      emulator?.stop();
      resolve({ kind: 'failure', reason: `${reason}\n${dialogue.tail}` });
    }
    bootNow((byte) => dialogue.feed(byte), failed).then(
      (booted) => {
        emulator = booted;
      },
      (error: unknown) => failed(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
  });
}
