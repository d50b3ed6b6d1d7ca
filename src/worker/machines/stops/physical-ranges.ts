import type { PhysicalMemory } from '../../../contracts/memory.ts';
import type { NestedRoot } from '../../../contracts/nested-root.ts';
import type { EntryRead, PagingRegisters } from '../../../hypervisor/walk/entry.ts';
import { explainWalk } from '../../../hypervisor/walk/explain.ts';
import { explainNested } from '../../../hypervisor/walk/nested.ts';
import type { AddressSpace } from '../../../protocol/target.ts';
import { wordReader } from '../linear-memory.ts';

/** Bytes of host-physical RAM. */
export interface PhysicalRange {
  readonly address: number;
  readonly length: number;
}

/** Where bytes are now, and the entries that decide that. */
export interface Mapped {
  /** Empty where nothing is mapped. */
  readonly bytes: readonly PhysicalRange[];
  readonly entries: readonly PhysicalRange[];
  /** The entries without accessed and dirty bits: differs when the mapping does. */
  readonly mapping: string;
}

export interface Translation {
  readonly ram: PhysicalMemory;
  readonly nestedRoot: NestedRoot | undefined;
  /** Needed for linear addresses. */
  readonly registers: PagingRegisters | undefined;
}

const PAGE = 0x1000;
/** Accessed and dirty: bits 5 and 6 of an entry of paging and of nested page tables, 8 and 9 of one of EPT. */
const GUEST_MARKS = 0x60;
const NESTED_MARKS = { ept: 0x300, npt: GUEST_MARKS } as const;

/** @param address signed, as processors hold linear addresses */
export function mappedBytes(
  space: AddressSpace,
  address: number,
  length: number,
  translation: Translation,
): Mapped {
  const found = new Found(translation);
  for (let done = 0; done < length; ) {
    const at = address + done;
    const size = Math.min(length - done, PAGE - (((at % PAGE) + PAGE) % PAGE));
    found.add(space, at, size);
    done += size;
  }
  return found;
}

class Found implements Mapped {
  readonly bytes: PhysicalRange[] = [];
  readonly entries: PhysicalRange[] = [];
  mapping = '';
  readonly #translation: Translation;

  constructor(translation: Translation) {
    this.#translation = translation;
  }

  /** Bytes of one page. */
  add(space: AddressSpace, address: number, length: number): void {
    const at = this.#hostPhysical(space, address);
    const { size } = this.#translation.ram;
    if (at !== undefined && at + length <= size) this.bytes.push({ address: at, length });
  }

  #hostPhysical(space: AddressSpace, address: number): number | undefined {
    const { nestedRoot, registers, ram } = this.#translation;
    const read = wordReader(ram);
    const marks = NESTED_MARKS[nestedRoot?.format ?? 'ept'];
    if (space === 'host-physical') return address;
    if (space === 'guest-physical') {
      const { entries, hostPhysical } = explainNested(read, nestedRoot, address);
      for (const entry of entries) this.#addEntry(entry, entry.address, marks);
      return hostPhysical;
    }
    if (registers === undefined) return undefined;
    const { levels, page, end } = explainWalk({ registers, linear: address, nestedRoot, read });
    for (const { nested, entry } of levels) {
      for (const one of nested.entries) this.#addEntry(one, one.address, marks);
      if (entry !== undefined && nested.hostPhysical !== undefined)
        this.#addEntry(entry, nested.hostPhysical, GUEST_MARKS);
    }
    for (const one of page?.entries ?? []) this.#addEntry(one, one.address, marks);
    return end.kind === 'mapped' ? end.hostPhysical : undefined;
  }

  #addEntry({ lo, hi, size }: EntryRead, address: number, marks: number): void {
    this.entries.push({ address, length: size });
    this.mapping += `${address}:${hi}:${lo & ~marks} `;
  }
}
