/** One boot of an emulator in this thread, and the whole conversation with the benchmark program. */
import { type Command, type Conversation, Dialogue } from '../dialogue.ts';
import { difference, type ProcessorTime } from '../time.ts';
import type { Emulator, Images } from './emulator.ts';
import { bootLab } from './lab.ts';
import { bootV86 } from './v86.ts';

/** Addresses are what `Surroundings.load` understands: paths in Node, URLs in a browser. */
export type Setup = {
  readonly kernel: string;
  readonly initramfs: string;
  readonly commandLine: string;
  readonly ramBytes: number;
  readonly commands: readonly Command[];
} & (
  | { readonly emulator: 'lab'; readonly interpreter: string }
  | {
      readonly emulator: 'v86';
      readonly library: string;
      readonly wasm: string;
      readonly bios: string;
      readonly vgaBios: string;
    }
);

export interface Surroundings {
  load(address: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Time of this thread so far. */
  sample(): ProcessorTime;
}

/** What a host sends to the driver. */
export type Answer =
  | { readonly kind: 'result'; readonly result: Conversation }
  | { readonly kind: 'failure'; readonly reason: string };

type BootNow = (output: (byte: number) => void, failed: (reason: string) => void) => Promise<Emulator>;

/** Loads everything that the boot needs, so that the boot itself waits for no file. */
async function prepare(setup: Setup, load: Surroundings['load']): Promise<BootNow> {
  const { commandLine, ramBytes } = setup;
  const [kernel, initramfs] = [await load(setup.kernel), await load(setup.initramfs)];
  const images: Images = { kernel, initramfs, commandLine, ramBytes };
  if (setup.emulator === 'lab') {
    const interpreter = await load(setup.interpreter);
    return async (...events) => bootLab(images, { interpreter }, ...events);
  }
  const [wasm, bios, vgaBios] = [await load(setup.wasm), await load(setup.bios), await load(setup.vgaBios)];
  return async (...events) => bootV86(images, { library: setup.library, wasm, bios, vgaBios }, ...events);
}

export async function converse(setup: Setup, { load, sample }: Surroundings): Promise<Answer> {
  const bootNow = await prepare(setup, load);
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
