/** v86 (github.com/copy/v86), the npm package as it is. */
import type { Boot, Emulator } from './emulator.ts';

export interface V86Parts {
  /** Address of libv86.mjs. */
  readonly library: string;
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** SeaBIOS, which loads the kernel, and its VGA BIOS. */
  readonly bios: Uint8Array<ArrayBuffer>;
  readonly vgaBios: Uint8Array<ArrayBuffer>;
}

/** The part of v86's interface (v86.d.ts) that is used here. */
interface V86 {
  add_listener(event: 'serial0-output-byte', listener: (byte: number) => void): void;
  serial0_send(text: string): void;
  destroy(): Promise<void>;
}
type V86Class = new (options: Record<string, unknown>) => V86;

const image = (bytes: Uint8Array<ArrayBuffer>) => ({ buffer: bytes.buffer });

export const bootV86: Boot<V86Parts> = async (images, parts, output): Promise<Emulator> => {
  const { V86 } = (await import(/* @vite-ignore */ parts.library)) as { V86: V86Class };
  const emulator = new V86({
    wasm_fn: async (imports: WebAssembly.Imports) =>
      (await WebAssembly.instantiate(parts.wasm, imports)).instance.exports,
    bios: image(parts.bios),
    vga_bios: image(parts.vgaBios),
    bzimage: image(images.kernel),
    initrd: image(images.initramfs),
    cmdline: images.commandLine,
    memory_size: images.ramBytes,
    vga_memory_size: 8 * 2 ** 20,
    autostart: true,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
  });
  emulator.add_listener('serial0-output-byte', output);
  return {
    send: (text) => emulator.serial0_send(text),
    stop: () => {
      void emulator.destroy();
    },
  };
};
