/** Small kernel images of every format, made in the tests. Their code is a few NOPs: nobody runs them. */
import { ByteWriter } from '../byte-writer.ts';

export const CODE = Uint8Array.of(0x90, 0x90, 0xf4, 0xeb, 0xfd);

export interface ElfSegmentSpec {
  readonly vaddr: number | bigint;
  readonly paddr: number;
  readonly bytes: Uint8Array;
  readonly memsz?: number;
}

export interface ElfSpec {
  readonly bits: 32 | 64;
  readonly entry: number | bigint;
  readonly segments: readonly ElfSegmentSpec[];
  readonly notes?: Uint8Array;
  readonly machine?: number;
  readonly type?: number;
}

const PT_LOAD = 1;
const PT_NOTE = 4;

function word(writer: ByteWriter, bits: 32 | 64, value: number | bigint): void {
  const wide = BigInt.asUintN(64, BigInt(value));
  writer.u32(Number(wide & 0xffff_ffffn));
  if (bits === 64) writer.u32(Number(wide >> 32n));
}

/** An ELF executable: header, program headers, then the contents, each at a multiple of 16. */
export function elf({ bits, entry, segments, notes, machine, type = 2 }: ElfSpec): Uint8Array {
  const headerSize = bits === 64 ? 64 : 52;
  const entrySize = bits === 64 ? 56 : 32;
  const count = segments.length + (notes === undefined ? 0 : 1);
  const writer = new ByteWriter()
    .u8(0x7f)
    .ascii('ELF')
    .u8(bits / 32, 1, 1, 0)
    .zeros(8);
  writer
    .u16(type)
    .u16(machine ?? (bits === 64 ? 62 : 3))
    .u32(1);
  for (const value of [entry, headerSize, 0]) word(writer, bits, value);
  writer.u32(0).u16(headerSize).u16(entrySize).u16(count).u16(0).u16(0).u16(0);

  const contents = [...segments.map(({ bytes }) => bytes), ...(notes === undefined ? [] : [notes])];
  let offset = Math.ceil((headerSize + count * entrySize) / 16) * 16;
  for (const [i, bytes] of contents.entries()) {
    const segment = segments[i] ?? { vaddr: 0, paddr: 0, bytes };
    const sizes = [offset, segment.vaddr, segment.paddr, bytes.length, segment.memsz ?? bytes.length];
    writer.u32(i < segments.length ? PT_LOAD : PT_NOTE);
    if (bits === 64) writer.u32(7);
    for (const value of sizes) word(writer, bits, value);
    if (bits === 32) writer.u32(7);
    word(writer, bits, 4);
    offset = Math.ceil((offset + bytes.length) / 16) * 16;
  }
  for (const bytes of contents) writer.align(16).append(bytes);
  return writer.finish();
}

/** One ELF note. */
function note(owner: string, type: number, descriptor: Uint8Array): Uint8Array {
  const writer = new ByteWriter()
    .u32(owner.length + 1)
    .u32(descriptor.length)
    .u32(type);
  return writer.ascii(owner).u8(0).align(4).append(descriptor).align(4).finish();
}

export const pvhNote = (entry: number): Uint8Array => note('Xen', 18, new ByteWriter().u32(entry).finish());

export interface BzImageSpec {
  readonly xloadflags?: number;
  readonly version?: number;
  readonly loadflags?: number;
  readonly code32Start?: number;
  readonly relocatable?: boolean;
  readonly alignment?: number;
  readonly prefAddress?: number;
  readonly initSize?: number;
  readonly cmdlineSize?: number;
  readonly initrdAddrMax?: number;
  /** Bytes of protected-mode code. */
  readonly codeSize?: number;
}

export function bzImage(spec: BzImageSpec = {}): Uint8Array {
  const setupSectors = 1;
  const codeSize = spec.codeSize ?? 0x400;
  const bytes = new Uint8Array((setupSectors + 1) * 512 + codeSize).fill(0x90, (setupSectors + 1) * 512);
  const view = new DataView(bytes.buffer);
  const set32 = (offset: number, value: number) => view.setUint32(offset, value, true);
  bytes[0x1f1] = setupSectors;
  set32(0x1f4, Math.ceil(codeSize / 16));
  view.setUint16(0x1fe, 0xaa55, true);
  bytes.set([0xeb, 0x6a], 0x200);
  set32(0x202, 0x5372_6448);
  view.setUint16(0x206, spec.version ?? 0x20f, true);
  bytes[0x211] = spec.loadflags ?? 1;
  set32(0x214, spec.code32Start ?? 0x10_0000);
  set32(0x22c, spec.initrdAddrMax ?? 0x7fff_ffff);
  set32(0x230, spec.alignment ?? 0x1000);
  bytes[0x234] = spec.relocatable === false ? 0 : 1;
  view.setUint16(0x236, spec.xloadflags ?? 1, true);
  set32(0x238, spec.cmdlineSize ?? 255);
  set32(0x258, spec.prefAddress ?? 0x10_0000);
  set32(0x260, spec.initSize ?? 0x2000);
  return bytes;
}

export interface MultibootSpec {
  readonly flags?: number;
  /** header, load, load end, bss end, entry */
  readonly addresses?: readonly number[];
}

/** A multiboot header (12 bytes, or 32 with address fields). */
export function multibootHeader({ flags = 3, addresses }: MultibootSpec = {}): Uint8Array {
  const all = addresses === undefined ? flags : flags | 0x1_0000;
  const writer = new ByteWriter()
    .u32(0x1bad_b002)
    .u32(all)
    .u32(-(0x1bad_b002 + all) >>> 0);
  for (const address of addresses ?? []) writer.u32(address);
  return writer.finish();
}

/** A header tag of multiboot 2: type, flags, content. */
export type Multiboot2Tag = readonly [type: number, flags: number, ...content: number[]];

export function multiboot2Header(tags: readonly Multiboot2Tag[] = [], architecture = 0): Uint8Array {
  const body = new ByteWriter();
  for (const [type, flags, ...content] of [...tags, [0, 0] as const]) {
    body
      .u16(type)
      .u16(flags)
      .u32(8 + 4 * content.length);
    for (const value of content) body.u32(value);
    body.align(8);
  }
  const length = 16 + body.length;
  const writer = new ByteWriter().u32(0xe852_50d6).u32(architecture).u32(length);
  return writer
    .u32(-(0xe852_50d6 + architecture + length) >>> 0)
    .append(body.finish())
    .finish();
}

/** A 32-bit ELF whose only segment, at 1 MiB, begins with `header` and goes on with the code. */
export function elfWith(header: Uint8Array): Uint8Array {
  const bytes = new ByteWriter().append(header).append(CODE).finish();
  const entry = 0x10_0000 + header.length;
  return elf({ bits: 32, entry, segments: [{ vaddr: 0x10_0000, paddr: 0x10_0000, bytes, memsz: 0x2000 }] });
}

/** Appends a string table section (and the null section) to a 32-bit ELF. */
export function withStringTable(file: Uint8Array, content: string): Uint8Array {
  const writer = new ByteWriter().append(file).align(4);
  const contentAt = writer.length;
  writer.ascii(content).u8(0).align(4);
  const tableAt = writer.length;
  writer
    .zeros(40)
    .u32(0)
    .u32(3)
    .u32(0)
    .u32(0)
    .u32(contentAt)
    .u32(content.length + 1)
    .zeros(16);
  const bytes = writer.patch32(32, tableAt).finish();
  bytes.set([40, 0, 2, 0, 1, 0], 46);
  return bytes;
}

export function bootSector(): Uint8Array {
  const bytes = new Uint8Array(512);
  bytes.set(CODE);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}

const text = (content: string): Uint8Array =>
  Uint8Array.from(content, (character) => character.charCodeAt(0));

/** An unpacked 64-bit Linux kernel as far as a loader can tell: virtual addresses high, entry physical. */
export function vmlinux(notes?: Uint8Array): Uint8Array {
  const bytes = new ByteWriter().append(CODE).append(text('Linux version 6.1.0 (synthetic)')).finish();
  const segments = [{ vaddr: 0xffff_ffff_8100_0000n, paddr: 0x10_0000, bytes, memsz: 0x3000 }];
  return elf({ bits: 64, entry: 0x10_0000, segments, ...(notes === undefined ? {} : { notes }) });
}
