/** A set of interrupt vectors (0..255), laid out as in the ISR, TMR and IRR registers: eight words of 32 bits. */
export class VectorSet {
  private readonly words = new Uint32Array(8);

  has(vector: number): boolean {
    return (this.words[vector >> 5] & (1 << (vector & 31))) !== 0;
  }

  add(vector: number): void {
    this.words[vector >> 5] |= 1 << (vector & 31);
  }

  delete(vector: number): void {
    this.words[vector >> 5] &= ~(1 << (vector & 31));
  }

  /** The highest vector, -1 when empty. */
  highest(): number {
    for (let i = 7; i >= 0; i--) {
      const word = this.words[i];
      if (word !== 0) return i * 32 + 31 - Math.clz32(word);
    }
    return -1;
  }

  /** Vectors `index * 32` and up as bits. */
  word(index: number): number {
    return this.words[index];
  }

  clear(): void {
    this.words.fill(0);
  }

  save(): number[] {
    return [...this.words];
  }

  restore(words: readonly number[]): void {
    this.words.set(words);
  }
}
