/** Memory whose change is noticed, by looking at it. */
import type { PhysicalMemory } from '../contracts/memory.ts';
import type { Processor } from '../cpu/processor.ts';
import { type Watchpoint, watchpointKey } from './debuggee.ts';
import { type Part, physicalParts } from './linear-memory.ts';

/** The memory that a range of linear addresses stood for when it was watched, and what was in it. */
interface Watched {
  readonly address: bigint;
  readonly parts: readonly Part[];
  before: readonly Uint8Array[];
}

export class Watchpoints {
  readonly #ram: PhysicalMemory;
  readonly #watched = new Map<string, Watched>();

  constructor(ram: PhysicalMemory) {
    this.#ram = ram;
  }

  get none(): boolean {
    return this.#watched.size === 0;
  }

  /** False when not all of it is RAM. */
  add(processor: Processor, watchpoint: Watchpoint): boolean {
    const { address, length } = watchpoint;
    const parts = physicalParts(processor, this.#ram, address, length);
    if (parts === undefined) return false;
    this.#watched.set(watchpointKey(watchpoint), { address, parts, before: this.#read(parts) });
    return true;
  }

  remove(watchpoint: Watchpoint): void {
    this.#watched.delete(watchpointKey(watchpoint));
  }

  /** From now on changes count. */
  begin(): void {
    for (const watched of this.#watched.values()) watched.before = this.#read(watched.parts);
  }

  /** The address of one that has changed since `begin`. */
  changed(): bigint | undefined {
    for (const { address, parts, before } of this.#watched.values()) {
      if (!same(this.#read(parts), before)) return address;
    }
    return undefined;
  }

  #read(parts: readonly Part[]): Uint8Array[] {
    return parts.map(({ physical, length }) => this.#ram.read(physical, length));
  }
}

const same = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  a.every((bytes, part) => bytes.every((byte, i) => byte === b[part][i]));
