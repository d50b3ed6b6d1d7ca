/** Finds a byte string in a stream that comes in pieces (Knuth, Morris and Pratt). */
export class StreamMatcher {
  readonly #wanted: Uint8Array;
  /** Length of the longest proper prefix of `wanted` that is also a suffix of its first i + 1 bytes. */
  readonly #border: Uint32Array;
  #matched = 0;

  /** `wanted` has at least one byte. */
  constructor(wanted: Uint8Array) {
    if (wanted.length === 0) throw new RangeError('the empty text is everywhere');
    this.#wanted = wanted;
    this.#border = new Uint32Array(wanted.length);
    for (let i = 1; i < wanted.length; i++) this.#border[i] = this.#follow(this.#border[i - 1], wanted[i]);
  }

  /** Offset in `chunk` just after the first match that ends in it, or undefined. */
  feed(chunk: Uint8Array): number | undefined {
    for (let i = 0; i < chunk.length; i++) {
      this.#matched = this.#follow(this.#matched, chunk[i]);
      if (this.#matched === this.#wanted.length) {
        this.#matched = 0;
        return i + 1;
      }
    }
    return undefined;
  }

  /** Length of the match after `byte` when `matched` bytes (fewer than all) matched before it. */
  #follow(matched: number, byte: number): number {
    let length = matched;
    while (length > 0 && this.#wanted[length] !== byte) length = this.#border[length - 1];
    return this.#wanted[length] === byte ? length + 1 : 0;
  }
}
