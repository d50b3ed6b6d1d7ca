/** Names of addresses: a table that debuggers look addresses up in. */

export interface NamedSymbol {
  readonly name: string;
  readonly address: bigint;
}

/** An address as a name and a distance from it. */
export interface NamedAddress {
  readonly name: string;
  /** Bytes. */
  readonly offset: number;
}

/** What is farther from the symbol before it belongs to no symbol. */
const FARTHEST = 0x10_0000n;

export class SymbolTable {
  /** Ascending by address. */
  readonly #addresses: BigUint64Array;
  readonly #names: readonly string[];

  /** Of several names of an address the first counts. */
  constructor(symbols: readonly NamedSymbol[]) {
    const sorted = symbols
      .map((symbol, order) => ({ ...symbol, order }))
      .sort((a, b) => (a.address === b.address ? a.order - b.order : a.address < b.address ? -1 : 1))
      .filter(({ address }, i, all) => i === 0 || all[i - 1].address !== address);
    this.#addresses = BigUint64Array.from(sorted, ({ address }) => address);
    this.#names = sorted.map(({ name }) => name);
  }

  get size(): number {
    return this.#names.length;
  }

  /** The nearest symbol at or before an address; undefined when there is none near. */
  nameOf(address: bigint): NamedAddress | undefined {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#addresses[middle] <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const offset = address - this.#addresses[low - 1];
    return offset > FARTHEST ? undefined : { name: this.#names[low - 1], offset: Number(offset) };
  }
}
