/** An emulator that runs in JavaScript, in a thread of its own. */

export interface Images {
  readonly kernel: Uint8Array<ArrayBuffer>;
  readonly initramfs: Uint8Array<ArrayBuffer>;
  readonly commandLine: string;
  readonly ramBytes: number;
}

export interface Emulator {
  /** Bytes that the guest's first serial port receives. */
  send(text: string): void;
  stop(): void;
}

/** Boots the guest; `output` gets every byte of its first serial port, at the moment it is sent. */
export type Boot<Parts> = (
  images: Images,
  parts: Parts,
  output: (byte: number) => void,
  failed: (reason: string) => void,
) => Emulator | Promise<Emulator>;
