import type { Stateful } from '../../contracts/state.ts';

/**
 * What a guest has written on its console, with the instant of each byte. When time goes back it becomes
 * shorter; what is written again on the way forward is the same, so the page need not hear of it.
 */
export class ConsoleLog implements Stateful<number> {
  /** Written bytes that count at the present instant. */
  length = 0;
  #bytes = new Uint8Array(1024);
  #positions = new Float64Array(1024);
  readonly #position: () => number;
  readonly #heard: () => void;
  /** Bytes that the page has. */
  #sent = 0;
  /** Something that the page has is no longer so. */
  #differs = false;

  /** @param position the instant now, `Computer.position` @param heard called after each byte */
  constructor(position: () => number, heard: () => void) {
    this.#position = position;
    this.#heard = heard;
  }

  readonly write = (byte: number): void => {
    const at = this.length++;
    if (at === this.#bytes.length) this.#grow();
    if (at < this.#sent && this.#bytes[at] !== byte) this.#differs = true;
    this.#bytes[at] = byte;
    this.#positions[at] = this.#position();
    this.#heard();
  };

  /** What the page has to hear; undefined: nothing. `restart`: it has to begin with an empty screen. */
  take(): { readonly bytes: Uint8Array; readonly restart: boolean } | undefined {
    const restart = this.#differs || this.length < this.#sent;
    if (!restart && this.length === this.#sent) return undefined;
    const bytes = this.#bytes.slice(restart ? 0 : this.#sent, this.length);
    this.#sent = this.length;
    this.#differs = false;
    return { bytes, restart };
  }

  /** Instant at which a byte was written, counted from the first; undefined: there is none. */
  positionOf(index: number): number | undefined {
    return index >= 0 && index < this.length ? this.#positions[index] : undefined;
  }

  /** The last `count` bytes. */
  tail(count: number): Uint8Array {
    return this.#bytes.slice(Math.max(0, this.length - count), this.length);
  }

  save(): number {
    return this.length;
  }

  restore(length: number): void {
    this.length = length;
  }

  #grow(): void {
    const [bytes, positions] = [this.#bytes, this.#positions];
    this.#bytes = new Uint8Array(bytes.length * 2);
    this.#bytes.set(bytes);
    this.#positions = new Float64Array(positions.length * 2);
    this.#positions.set(positions);
  }
}
