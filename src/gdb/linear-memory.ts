/** Linear memory of a processor as a debugger sees it: rights do not matter, nothing is marked as accessed. */
import type { PhysicalMemory } from '../contracts/memory.ts';
import type { Processor } from '../cpu/processor.ts';
import type { WalkReport } from '../hypervisor/walk/entry.ts';
import { explainWalk } from '../hypervisor/walk/explain.ts';

const PAGE = 0x1000;

/** The walk of a linear address (unsigned), with the second dimension under it when the processor runs a guest. */
export function walkOf(processor: Processor, ram: PhysicalMemory, linear: bigint): WalkReport {
  const { regs, virtualization } = processor;
  const { cr0, cr3, cr4, efer } = regs;
  return explainWalk({
    registers: { cr0, cr3, cr4, efer },
    linear: Number(BigInt.asIntN(64, linear)),
    nestedRoot: virtualization.nestedRoot,
    read: (address) => wordAt(ram, address),
  });
}

/** A 32-bit word of physical memory; all ones where there is no RAM. */
function wordAt(ram: PhysicalMemory, address: number): number {
  if (address < 0 || address + 4 > ram.size) return 0xffff_ffff;
  return new DataView(ram.read(address, 4).buffer).getUint32(0, true);
}

/** A part of a range of linear addresses that lies in one page. `offset` counts from the start of the range. */
export interface Part {
  readonly offset: number;
  readonly physical: number;
  readonly length: number;
}

/** The parts of a range up to the first that is not in RAM. */
function* partsOf(
  processor: Processor,
  ram: PhysicalMemory,
  linear: bigint,
  length: number,
): Generator<Part> {
  for (let offset = 0; offset < length; ) {
    const at = BigInt.asUintN(64, linear + BigInt(offset));
    const size = Math.min(length - offset, PAGE - Number(at % BigInt(PAGE)));
    const { end } = walkOf(processor, ram, at);
    if (end.kind === 'fault' || end.hostPhysical < 0 || end.hostPhysical + size > ram.size) return;
    yield { offset, physical: end.hostPhysical, length: size };
    offset += size;
  }
}

/** Where a range of linear addresses is; undefined when not all of it is in RAM. */
export function physicalParts(
  processor: Processor,
  ram: PhysicalMemory,
  linear: bigint,
  length: number,
): readonly Part[] | undefined {
  const parts = [...partsOf(processor, ram, linear, length)];
  const last = parts.at(-1);
  return last === undefined || last.offset + last.length < length ? undefined : parts;
}

/** Bytes up to the first that is not in RAM. */
export function readLinear(
  processor: Processor,
  ram: PhysicalMemory,
  linear: bigint,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  for (const part of partsOf(processor, ram, linear, length)) {
    bytes.set(ram.read(part.physical, part.length), part.offset);
    done = part.offset + part.length;
  }
  return bytes.subarray(0, done);
}

/** False, with nothing written, when not all of it is in RAM. */
export function writeLinear(
  processor: Processor,
  ram: PhysicalMemory,
  linear: bigint,
  bytes: Uint8Array,
): boolean {
  const parts = physicalParts(processor, ram, linear, bytes.length);
  if (parts === undefined) return false;
  for (const { offset, physical, length } of parts) {
    ram.write(physical, bytes.subarray(offset, offset + length));
  }
  return true;
}
