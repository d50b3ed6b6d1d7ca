/** Memory whose change is noticed: the computer tells of every write to it, whoever writes. */
import type { WriteWatch } from '../../cpu/code-cache.ts';
import type { Processor } from '../../cpu/processor.ts';
import { type Watchpoint, watchpointKey } from '../../gdb/debuggee.ts';
import type { Computer } from '../../machine/computer.ts';
import { linearParts, type Part } from '../machines/linear-parts.ts';
import { locator } from '../machines/memory-access.ts';
import { accessOfProcessor } from '../machines/processor-access.ts';

/** The memory that a range of linear addresses stood for when it was watched, and what was in it. */
interface Watched {
  readonly address: bigint;
  readonly parts: readonly Part[];
  readonly watches: readonly WriteWatch[];
  before: readonly Uint8Array[];
}

export class Watchpoints {
  readonly #computer: Computer;
  readonly #watched = new Map<string, Watched>();
  /** The processor that wrote last. */
  writer = 0;

  /** A write makes the run of the computer under way return behind the instruction. */
  constructor(computer: Computer) {
    this.#computer = computer;
  }

  /** False when not all of it is RAM. */
  add(processor: Processor, watchpoint: Watchpoint): boolean {
    const { address, length } = watchpoint;
    const { ram, code } = this.#computer;
    const parts = linearParts(locator(accessOfProcessor(processor), ram), address, length);
    if (parts === undefined) return false;
    this.remove(watchpoint);
    const watches = parts.map((part) => ({
      address: part.physical,
      length: part.length,
      written: () => this.#written(),
    }));
    for (const watch of watches) code.watch(watch);
    this.#watched.set(watchpointKey(watchpoint), { address, parts, watches, before: this.#read(parts) });
    return true;
  }

  remove(watchpoint: Watchpoint): void {
    const key = watchpointKey(watchpoint);
    for (const watch of this.#watched.get(key)?.watches ?? []) this.#computer.code.unwatch(watch);
    this.#watched.delete(key);
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

  #written(): void {
    this.writer = this.#computer.processor.index;
    this.#computer.pause();
  }

  #read(parts: readonly Part[]): Uint8Array[] {
    return parts.map(({ physical, length }) => this.#computer.ram.read(physical, length));
  }
}

const same = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  a.every((bytes, part) => bytes.every((byte, i) => byte === b[part][i]));
