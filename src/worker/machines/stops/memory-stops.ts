import type { PagingRegisters } from '../../../hypervisor/walk/entry.ts';
import type { StopKind, StopTrigger } from '../../../protocol/stops.ts';
import { signedNumber } from '../../views/numbers.ts';
import type { LabMachine } from '../lab-machine.ts';
import { pagingRegisters } from '../linear-memory.ts';
import { type Mapped, mappedBytes, type PhysicalRange } from './physical-ranges.ts';
import type { LiveStop } from './stop-list.ts';

type MemoryTrigger = Extract<StopTrigger, { kind: 'write' | 'read' | 'execute' | 'page-table' }>;

const KINDS: ReadonlySet<StopKind> = new Set(['write', 'read', 'execute', 'page-table']);
const isOfMemory = (trigger: StopTrigger): trigger is MemoryTrigger => KINDS.has(trigger.kind);

/** One stop, and what is watched for it. */
interface Watched {
  readonly stop: LiveStop;
  readonly trigger: MemoryTrigger;
  /** The address space that it is of, once the machine has one. */
  registers: PagingRegisters | undefined;
  mapped: Mapped | undefined;
  unwatch: readonly (() => void)[];
  /** An entry was written: what is mapped has to be looked up again. */
  stale: boolean;
}

/** Hears of reads and writes; in the middle of the instruction. */
export interface MemoryListener {
  /** Bytes that a stop is about were read or written. */
  touched(stop: LiveStop): void;
  /** An entry by which they are found: `settle` is due at the next boundary. */
  entryWritten(stop: LiveStop): void;
  /** Host-physical addresses at whose instructions stops are now. */
  executing(stops: ReadonlyMap<number, readonly LiveStop[]>): void;
}

/**
 * Stops at memory by an address that is translated. What is watched is host-physical RAM: the bytes where the
 * address is mapped now, and the entries that map it, after whose change the address is translated again.
 */
export class MemoryStops {
  readonly #machine: LabMachine;
  readonly #listener: MemoryListener;
  #watched: Watched[] = [];

  constructor(machine: LabMachine, listener: MemoryListener) {
    this.#machine = machine;
    this.#listener = listener;
  }

  /** @param stops all that are set; those that are not about memory are passed over */
  set(stops: readonly LiveStop[]): void {
    const kept: Watched[] = [];
    for (const stop of stops) {
      const { trigger } = stop.settings;
      if (!isOfMemory(trigger)) continue;
      const former = this.#watched.find((one) => one.stop === stop);
      kept.push(
        former ?? { stop, trigger, registers: undefined, mapped: undefined, unwatch: [], stale: true },
      );
    }
    for (const one of this.#watched) if (!kept.includes(one)) release(one);
    this.#watched = kept;
    this.refresh();
  }

  /** Translates all addresses: time has gone elsewhere. */
  refresh(): void {
    for (const one of this.#watched) this.#translate(one);
    this.#tellExecuting();
  }

  /** Some machine has no state yet: `settle` is due when it has. */
  get isIncomplete(): boolean {
    return this.#watched.some(({ mapped }) => mapped === undefined);
  }

  /** Translates addresses whose entries were written. @returns the stops whose mapping is another one now */
  settle(): LiveStop[] {
    const changed: LiveStop[] = [];
    for (const one of this.#watched) {
      const before = one.mapped?.mapping;
      if (!one.stale && before !== undefined) continue;
      this.#translate(one);
      const differs = before !== undefined && one.mapped?.mapping !== before;
      if (differs && one.trigger.kind === 'page-table') changed.push(one.stop);
    }
    this.#tellExecuting();
    return changed;
  }

  #tellExecuting(): void {
    const stops = new Map<number, LiveStop[]>();
    for (const { trigger, stop, mapped } of this.#watched) {
      if (trigger.kind !== 'execute') continue;
      for (const { address } of mapped?.bytes ?? [])
        stops.set(address, [...(stops.get(address) ?? []), stop]);
    }
    this.#listener.executing(stops);
  }

  #translate(one: Watched): void {
    one.stale = false;
    const mapped = this.#lookUp(one);
    if (sameRanges(mapped, one.mapped)) {
      one.mapped = mapped;
      return;
    }
    release(one);
    one.mapped = mapped;
    if (mapped === undefined) return;
    const { stop } = one;
    const entryWritten = (): void => {
      one.stale = true;
      this.#listener.entryWritten(stop);
    };
    one.unwatch = [
      ...mapped.entries.map((range) => this.#watchWrites(range, entryWritten)),
      ...mapped.bytes.flatMap((range) => this.#watchBytes(one, range)),
    ];
  }

  #watchBytes({ trigger, stop }: Watched, range: PhysicalRange): (() => void)[] {
    const touched = () => this.#listener.touched(stop);
    if (trigger.kind === 'write') return [this.#watchWrites(range, touched)];
    if (trigger.kind === 'read') return [this.#machine.computer.watchReads({ ...range, read: touched })];
    return [];
  }

  #watchWrites(range: PhysicalRange, written: () => void): () => void {
    return this.#machine.computer.watchWrites({ ...range, written });
  }

  /** Undefined while the machine has no state. */
  #lookUp(one: Watched): Mapped | undefined {
    const { trigger, stop } = one;
    const { ram } = this.#machine.computer;
    const space = 'space' in trigger ? trigger.space : 'linear';
    const length = 'length' in trigger ? trigger.length : 1;
    const address = signedNumber(trigger.address);
    if (space === 'host-physical') {
      return mappedBytes(space, address, length, { ram, nestedRoot: undefined, registers: undefined });
    }
    const access = this.#machine.access({ vm: stop.settings.vm ?? 0, vcpu: 0 });
    if (access === undefined) return undefined;
    one.registers ??= pagingRegisters(access.state);
    return mappedBytes(space, address, length, {
      ram,
      nestedRoot: access.nestedRoot,
      registers: one.registers,
    });
  }
}

function release(one: Watched): void {
  for (const unwatch of one.unwatch) unwatch();
  one.unwatch = [];
}

function sameRanges(a: Mapped | undefined, b: Mapped | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const text = ({ bytes, entries }: Mapped) => JSON.stringify([bytes, entries]);
  return text(a) === text(b);
}
