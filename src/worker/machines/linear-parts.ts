import type { Locate } from './memory-access.ts';

const PAGE = 0x1000n;

/** A part of a range of linear addresses that lies in one page. `offset` counts from the start of the range. */
export interface Part {
  readonly offset: number;
  /** Host-physical address. */
  readonly physical: number;
  readonly length: number;
}

/** Where a range of linear addresses is; undefined when not all of it is in RAM, or when it is empty. */
export function linearParts(locate: Locate, linear: bigint, length: number): readonly Part[] | undefined {
  const parts: Part[] = [];
  for (let offset = 0; offset < length; ) {
    const at = BigInt.asUintN(64, linear + BigInt(offset));
    const size = Math.min(length - offset, Number(PAGE - (at % PAGE)));
    const found = locate('linear', at);
    if (found.kind !== 'ram') return undefined;
    parts.push({ offset, physical: found.hostPhysical, length: size });
    offset += size;
  }
  return parts.length === 0 ? undefined : parts;
}
