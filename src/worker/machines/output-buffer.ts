/** Console bytes as they come from a device, one at a time, until somebody takes them. */
export class OutputBuffer {
  #bytes = new Uint8Array(256);
  #length = 0;

  readonly write = (byte: number): void => {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  };

  /** Undefined when there are none. */
  take(): Uint8Array | undefined {
    if (this.#length === 0) return undefined;
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }
}
