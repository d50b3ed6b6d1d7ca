/** Sections and where they lie: NASM's `bin` layout ("Multisection Support for the bin Format"). */
import { SourceError } from './types.ts';

/** Largest image that is made, in bytes: a runaway `times` becomes an error instead of a full memory. */
const MAX_BYTES = 256 * 1024 * 1024;

export class Section {
  readonly name: string;
  nobits: boolean;
  /** Alignment of the section's start, a power of two. */
  align: number;
  /** Address given by `vstart=`: what the code is assembled for. */
  vstart: number | undefined;
  /** Address given by `start=`: where it is loaded. */
  start: number | undefined;
  /** Names of the sections that this one is placed behind, in the file and in memory (`follows=`, `vfollows=`). */
  follows: string | undefined;
  vfollows: string | undefined;
  /** Present address, from the layout of the previous pass. */
  address = 0;
  /** The address the section is loaded at, as a base that expressions can be relative to. */
  readonly load: { readonly name: string; address: number };
  /** Location counter of this pass, from 0. */
  offset = 0;
  /** Size found by the previous pass. */
  size = 0;
  private chunks: Uint8Array[] = [];

  constructor(name: string, nobits: boolean, align: number) {
    this.name = name;
    this.nobits = nobits;
    this.align = align;
    this.load = { name: `section.${name}.start`, address: 0 };
  }

  get loadAddress(): number {
    return this.load.address;
  }

  /** Begins another pass. */
  rewind(): void {
    this.size = this.offset;
    this.offset = 0;
    this.chunks = [];
  }

  append(bytes: Uint8Array): void {
    if (this.nobits && bytes.some((b) => b !== 0)) {
      throw new SourceError(
        `section ${this.name} holds no bytes (nobits): use resb, resw, resd or resq here`,
      );
    }
    this.checkRoom(bytes.length);
    if (!this.nobits) this.chunks.push(bytes);
    this.offset += bytes.length;
  }

  /** Makes room without contents: nothing in a nobits section, zeros elsewhere. */
  reserve(length: number): void {
    this.checkRoom(length);
    if (!this.nobits && length > 0) this.chunks.push(new Uint8Array(length));
    this.offset += length;
  }

  private checkRoom(length: number): void {
    if (this.offset + length > MAX_BYTES)
      throw new SourceError(`section ${this.name} grows beyond ${MAX_BYTES >> 20} MiB`);
  }

  contents(): Uint8Array {
    const result = new Uint8Array(this.nobits ? 0 : this.offset);
    let at = 0;
    for (const chunk of this.chunks) {
      result.set(chunk, at);
      at += chunk.length;
    }
    return result;
  }
}

const alignUp = (address: number, align: number) => Math.ceil(address / align) * align;

/** The order in the image: `.text`, then sections as they appear, sections without bytes last. */
export function inOrder(sections: Iterable<Section>): Section[] {
  const rank = (s: Section) => (s.nobits ? 2 : s.name === '.text' ? 0 : 1);
  return [...sections].sort((a, b) => rank(a) - rank(b));
}

/** Gives every section its addresses, one behind the other from `origin`, by the sizes of the previous pass. */
export function layOut(sections: Iterable<Section>, origin: number): void {
  let next = origin;
  let nextVirtual = origin;
  const all = inOrder(sections);
  const named = (name: string | undefined) => all.find((section) => section.name === name);
  for (const section of all) {
    const before = named(section.follows);
    if (before !== undefined) next = before.loadAddress + before.size;
    section.load.address = section.start ?? (section.name === '.text' ? next : alignUp(next, section.align));
    // Sections without bytes follow the addresses of the one before, others the place they are loaded at.
    const follows =
      section.nobits && section.start === undefined
        ? alignUp(nextVirtual, section.align)
        : section.loadAddress;
    section.address = section.vstart === undefined ? follows : alignUp(section.vstart, section.align);
    const beneath = named(section.vfollows);
    if (beneath !== undefined) section.address = alignUp(beneath.address + beneath.size, section.align);
    next = section.loadAddress + section.size;
    nextVirtual = section.address + section.size;
  }
}

/** The bytes of all sections at their load addresses, from the lowest one on. Throws SourceError on overlap. */
export function flatImage(sections: Iterable<Section>): Uint8Array {
  const placed = inOrder(sections).filter((s) => !s.nobits && s.offset > 0);
  placed.sort((a, b) => a.loadAddress - b.loadAddress);
  const origin = placed[0]?.loadAddress ?? 0;
  const last = placed.at(-1);
  const length = last === undefined ? 0 : last.loadAddress + last.offset - origin;
  if (length > MAX_BYTES)
    throw new SourceError(`the image would span ${length} bytes; sections lie too far apart for a flat file`);
  const image = new Uint8Array(length);
  let end = origin;
  for (const section of placed) {
    if (section.loadAddress < end)
      throw new SourceError(`section ${section.name} overlaps the one before it`);
    image.set(section.contents(), section.loadAddress - origin);
    end = section.loadAddress + section.offset;
  }
  return image;
}
