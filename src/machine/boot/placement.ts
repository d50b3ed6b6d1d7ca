import { MEMORY_MAP } from '../../arch/pc.ts';
import type { PhysicalMemory } from '../../contracts/memory.ts';
import { hex, ImageError } from './image-error.ts';

/** A named, half-open range of physical addresses. */
export interface Region {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Where to look for free RAM. */
export interface Search {
  /** Power of two; 16 when absent. */
  readonly alignment?: number;
  /** First address allowed; 1000h when absent (page 0 stays free for real-mode vectors). */
  readonly from?: number;
  /** End of what is allowed; the end of RAM when absent. */
  readonly below?: number;
  /** Take the highest free place instead of the lowest. */
  readonly high?: boolean;
}

interface Write {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Bytes of zeros that follow. */
  readonly zeros: number;
}

const ZEROS = new Uint8Array(0x1_0000);

/**
 * The plan of what goes where in physical memory. Everything that a loader puts into RAM claims its
 * place here first, so nothing lies outside RAM or on top of something else; memory is written by
 * `commit`, after the whole plan has proved possible.
 */
export class Placement {
  readonly ramSize: number;
  /** Claimed ranges by address; they never overlap and are never empty. */
  readonly #regions: Region[] = [];
  readonly #writes: Write[] = [];

  constructor(ramSize: number) {
    const { biosDataArea, extendedBiosDataArea, extendedMemory } = MEMORY_MAP;
    if (!Number.isSafeInteger(ramSize) || ramSize < extendedMemory || ramSize > MEMORY_MAP.maxRam) {
      throw new RangeError(
        `RAM of ${ramSize} bytes; from ${extendedMemory} to ${MEMORY_MAP.maxRam} is possible`,
      );
    }
    this.ramSize = ramSize;
    this.claim('BIOS data area', biosDataArea.base, biosDataArea.length);
    const hole = extendedBiosDataArea.base;
    this.claim('video memory and BIOS area', hole, extendedMemory - hole);
  }

  get regions(): readonly Region[] {
    return this.#regions;
  }

  /** Reserves a fixed range; a range of length 0 needs no place. */
  claim(name: string, start: number, length: number): void {
    const end = start + length;
    if (length === 0) return;
    if (end > this.ramSize) {
      throw new ImageError({
        code: 'outside-ram',
        found: `The ${name} belongs at ${hex(start)}..${hex(end)}, past the end of RAM at ${hex(this.ramSize)}`,
        accepted: 'addresses inside RAM',
        advice: end <= MEMORY_MAP.maxRam ? 'Give the machine more memory.' : 'Link it to a lower address.',
      });
    }
    const index = this.#indexOf(start);
    const next = this.#regions[index];
    if (next !== undefined && next.start < end) {
      throw new ImageError({
        code: 'overlap',
        found: `The ${name} at ${hex(start)}..${hex(end)} overlaps the ${next.name} at ${hex(next.start)}..${hex(next.end)}`,
        accepted: 'parts that do not overlap',
      });
    }
    this.#regions.splice(index, 0, { name, start, end });
  }

  /** Claims `size` bytes at `address` (as many as there are bytes, when absent): the bytes, then zeros. */
  load(name: string, address: number, bytes: Uint8Array, size = bytes.length): void {
    this.claim(name, address, size);
    this.#writes.push({ address, bytes, zeros: size - bytes.length });
  }

  /** Claims free RAM, writes `bytes` there and returns the address. */
  put(name: string, bytes: Uint8Array, search: Search = {}): number {
    const address = this.allocate(name, bytes.length, search);
    this.overwrite(address, bytes);
    return address;
  }

  /** Claims `length` bytes (at least 1) of free RAM and returns the address. */
  allocate(name: string, length: number, search: Search = {}): number {
    const address = this.find(length, search);
    if (address === undefined) {
      const { from = 0, below = this.ramSize } = search;
      throw new ImageError({
        code: 'too-large',
        found: `The ${name} of ${length} bytes finds no room in ${hex(from)}..${hex(Math.min(below, this.ramSize))}`,
        accepted: 'images that fit into RAM together',
        advice: 'Give the machine more memory.',
      });
    }
    this.claim(name, address, length);
    return address;
  }

  /** Address of free RAM of that length, or undefined; claims nothing. */
  find(length: number, search: Search = {}): number | undefined {
    const { alignment = 16, from = 0x1000, below = this.ramSize, high = false } = search;
    const limit = Math.min(below, this.ramSize);
    const fits = (start: number, end: number): number | undefined => {
      const first = Math.ceil(Math.max(start, from) / alignment) * alignment;
      const last = Math.floor((Math.min(end, limit) - length) / alignment) * alignment;
      return first <= last ? (high ? last : first) : undefined;
    };
    let found: number | undefined;
    let gapStart = 0;
    for (const { start, end } of [...this.#regions, { start: this.ramSize, end: this.ramSize }]) {
      const place = fits(gapStart, start);
      if (place !== undefined && (high || found === undefined)) found = place;
      gapStart = end;
    }
    return found;
  }

  /** Writes into a range that was claimed before. */
  overwrite(address: number, bytes: Uint8Array): void {
    this.#writes.push({ address, bytes, zeros: 0 });
  }

  /** Carries the plan out. */
  commit(memory: PhysicalMemory): void {
    for (const { address, bytes, zeros } of this.#writes) {
      memory.write(address, bytes);
      for (let done = 0; done < zeros; done += ZEROS.length) {
        memory.write(address + bytes.length + done, ZEROS.subarray(0, Math.min(ZEROS.length, zeros - done)));
      }
    }
  }

  /** Index of the first region that ends after `address`. */
  #indexOf(address: number): number {
    let low = 0;
    let high = this.#regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#regions[middle].end <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
