/**
 * The PVH entry of an ELF kernel: 32-bit protected mode, EBX = address of `hvm_start_info`.
 * Xen, docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h (version 1).
 */
import { ByteWriter, cString } from './byte-writer.ts';
import { checkEntry, type ElfFile } from './elf.ts';
import { protectedEntry } from './entry.ts';
import type { LoadRequest, LoadResult } from './image.ts';
import { memoryMap } from './memory-map.ts';
import { type PlacedModule, putModules } from './modules.ts';

const NOTE_OWNER = 'Xen';
const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const START_INFO_MAGIC = 0x336e_c578;
const START_INFO_VERSION = 1;

/** The entry point that the kernel's PHYS32_ENTRY note names, or undefined without such a note. */
export function pvhEntry(elf: ElfFile): number | undefined {
  const note = elf.notes.find(({ owner, type }) => owner === NOTE_OWNER && type === XEN_ELFNOTE_PHYS32_ENTRY);
  if (note === undefined) return undefined;
  const { descriptor } = note;
  return descriptor.length >= 8 ? descriptor.u64(0) : descriptor.u32(0);
}

export function enterPvh(elf: ElfFile, entry: number, kernelEnd: number, request: LoadRequest): LoadResult {
  const { image, placement, acpi } = request;
  checkEntry(elf, entry, 'PVH entry point');
  const modules = putModules(image, placement, kernelEnd);
  const moduleList = modules.length === 0 ? 0 : placement.put('PVH module list', moduleListBytes(modules));
  const commandLine = placement.put('command line', cString(image.commandLine));
  const map = memoryMap(placement.ramSize);
  const mapAt = placement.put('PVH memory map', memoryMapBytes(placement.ramSize));

  const info = new ByteWriter().u32(START_INFO_MAGIC).u32(START_INFO_VERSION).u32(0).u32(modules.length);
  info
    .u64(moduleList)
    .u64(commandLine)
    .u64(acpi?.address ?? 0)
    .u64(mapAt)
    .u32(map.length)
    .u32(0);
  const rbx = placement.put('hvm_start_info', info.finish());
  return { protocol: 'PVH', state: protectedEntry(placement, entry, { rbx }) };
}

function moduleListBytes(modules: readonly PlacedModule[]): Uint8Array {
  const list = new ByteWriter();
  for (const { start, end, commandLineAt } of modules) {
    list
      .u64(start)
      .u64(end - start)
      .u64(commandLineAt)
      .u64(0);
  }
  return list.finish();
}

function memoryMapBytes(ramSize: number): Uint8Array {
  const map = new ByteWriter();
  for (const { base, length, type } of memoryMap(ramSize)) map.u64(base).u64(length).u32(type).u32(0);
  return map.finish();
}
