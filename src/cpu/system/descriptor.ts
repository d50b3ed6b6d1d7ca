/**
 * Descriptors in GDT and LDT, and the checks for loading them into segment registers.
 *
 * SDM volume 3A, "Segment Descriptor Tables", "Privilege Level Checking When Accessing Data
 * Segments"; volume 2, "MOV - Move" (loading segment registers).
 */
import { SEG, VECTOR } from '../../arch/registers.ts';
import {
  ATTRIBUTE,
  attributesOf,
  baseOf,
  dplOf,
  isNullSelector,
  limitOf,
  REAL_MODE_ATTRIBUTES,
  SELECTOR,
  VM86_ATTRIBUTES,
} from '../../arch/segments.ts';
import { isCanonical, signedNumber } from '../number64.ts';
import type { Registers, Segment } from '../registers.ts';
import { STATE } from '../state.ts';
import type { SystemContext } from './context.ts';
import { extBit, failed, selectorError } from './fault.ts';
import { is64Bit, isLongMode, isVm86, usesDescriptors } from './mode.ts';

/** A descriptor as it stands in memory, and the selector that led to it. A value: nothing in it changes. */
export class Descriptor {
  readonly selector: number;
  /** Linear address of the descriptor. */
  readonly address: number;
  readonly lo: number;
  readonly hi: number;
  readonly attributes: number;
  readonly limit: number;
  readonly base: number;
  private readonly loaded: Readonly<Segment>;

  constructor(selector: number, address: number, lo: number, hi: number) {
    this.selector = selector;
    this.address = address;
    this.lo = lo;
    this.hi = hi;
    this.attributes = attributesOf(hi);
    this.limit = limitOf(lo, hi);
    this.base = baseOf(lo, hi);
    const accessed = this.isSegment ? ATTRIBUTE.ACCESSED : 0;
    this.loaded = {
      selector,
      attributes: this.attributes | accessed,
      limit: this.limit,
      base: this.base,
    };
  }

  get type(): number {
    return (this.hi >>> 8) & 15;
  }

  get dpl(): number {
    return (this.hi >>> 13) & 3;
  }

  get present(): boolean {
    return (this.hi & 0x8000) !== 0;
  }

  /** Code or data, not a system descriptor. */
  get isSegment(): boolean {
    return (this.hi & 0x1000) !== 0;
  }

  get isCode(): boolean {
    return (this.hi & 0x1800) === 0x1800;
  }

  get isConforming(): boolean {
    return (this.hi & 0x1c00) === 0x1c00;
  }

  get isReadable(): boolean {
    return !this.isCode || (this.hi & 0x200) !== 0;
  }

  /** Writable data. */
  get isWritable(): boolean {
    return (this.hi & 0x1a00) === 0x1200;
  }

  /** The segment register that loading this descriptor with `selector` (another RPL, perhaps) gives. */
  segment(selector: number): Readonly<Segment> {
    return selector === this.selector ? this.loaded : { ...this.loaded, selector };
  }
}

/** An unusable segment register. */
const unusable = (selector: number, dpl: number): Readonly<Segment> => ({
  selector,
  attributes: ATTRIBUTE.UNUSABLE | (dpl << 5),
  limit: 0,
  base: 0,
});

const NULL_SEGMENTS = [0, 1, 2, 3].map((selector) => unusable(selector, 0));

/** A segment register loaded with a null selector. Intel clears the base; AMD keeps it. */
export const nullSegment = (selector: number): Readonly<Segment> =>
  selector < NULL_SEGMENTS.length ? NULL_SEGMENTS[selector] : unusable(selector, 0);

/** A null SS of 64-bit mode; SS.DPL is always CPL. */
export const nullStack = (selector: number, cpl: number): Readonly<Segment> => unusable(selector, cpl);

/**
 * Linear address of a selector's descriptor, or undefined when it lies beyond its table's limit.
 * `bytes`: 16 for LDT, TSS and gate descriptors of IA-32e mode.
 */
export function descriptorAddress(c: SystemContext, selector: number, bytes: 8 | 16): number | undefined {
  const r = c.regs;
  const index = selector & SELECTOR.INDEX;
  const last = index + bytes - 1;
  if (selector & SELECTOR.TI) {
    if (r.attributes(SEG.LDTR) & ATTRIBUTE.UNUSABLE || last > r.limit(SEG.LDTR)) return undefined;
    return systemAddress(r, r.segmentBase(SEG.LDTR) + index);
  }
  if (last > r.lo(STATE.GDTR + 8)) return undefined;
  return systemAddress(r, r.address(STATE.GDTR) + index);
}

/** Linear address in a system table: 32 bits wide outside IA-32e mode, canonical (or undefined) in it. */
export function systemAddress(r: Registers, address: number): number | undefined {
  if (!isLongMode(r)) return address >>> 0;
  return isCanonical(address) ? address : undefined;
}

/** Reads the descriptor of a non-null selector; undefined with `vector`(selector) or a page fault stored. */
export function readDescriptor(c: SystemContext, selector: number, vector: number): Descriptor | undefined {
  const address = descriptorAddress(c, selector, 8);
  if (address === undefined) {
    failed(c, vector, selectorError(c, selector));
    return undefined;
  }
  if (!c.memory.read(address, 8, true)) return undefined;
  return descriptor(selector, address, c.memory.lo, c.memory.hi);
}

/** Descriptors that were read before, by the low bits of their index. */
const known = Array.from({ length: 64 }, () => new Descriptor(0, 0, 0, 0));

/** A descriptor with these contents, most often one that exists: a kernel uses few, again and again. */
function descriptor(selector: number, address: number, lo: number, hi: number): Descriptor {
  const slot = (selector >> 3) & (known.length - 1);
  const d = known[slot];
  if (d.lo === lo && d.hi === hi && d.selector === selector && d.address === address) return d;
  const made = new Descriptor(selector, address, lo, hi);
  known[slot] = made;
  return made;
}

/**
 * Upper 32 bits of the base of a 16-byte system descriptor; undefined after a fault. The type field
 * of the second half has to be 0.
 */
export function readUpperBase(c: SystemContext, d: Descriptor, vector: number): number | undefined {
  const fits = descriptorAddress(c, d.selector, 16) !== undefined;
  if (fits && !c.memory.read(d.address + 8, 8, true)) return undefined;
  if (!fits || (c.memory.hi & 0x1f00) !== 0) {
    failed(c, vector, selectorError(c, d.selector));
    return undefined;
  }
  return c.memory.lo;
}

/** The base of a 16-byte system descriptor as a signed number. */
export const wideBase = (d: Descriptor, upper: number): number => signedNumber(d.base, upper);

/** Sets the accessed bit in memory when it is clear. */
export function markAccessed(c: SystemContext, d: Descriptor): boolean {
  return (d.hi & 0x100) !== 0 || c.memory.write(d.address + 5, 1, ((d.hi >>> 8) & 0xff) | 1, 0, true);
}

/** What loading `selector` into segment register `n` (not CS) gives, checks done; undefined after a fault. */
export function checkedSegment(c: SystemContext, n: number, selector: number): Readonly<Segment> | undefined {
  const r = c.regs;
  if (!usesDescriptors(r)) return realModeSegment(c, n, selector);
  if (n !== SEG.SS) return dataSegment(c, selector, r.cpl, VECTOR.GP);
  return stackSegment(c, selector, r.cpl, VECTOR.GP, is64Bit(r) && r.cpl < 3);
}

/**
 * Real-address mode keeps limit and attributes of all but CS ("big real mode"); virtual-8086 mode fixes
 * them. Sources: SDM volume 3A, "Address Translation in Real-Address Mode", and observed hardware.
 */
export function realModeSegment(c: SystemContext, n: number, selector: number): Segment {
  const r = c.regs;
  const base = (selector << 4) >>> 0;
  if (isVm86(r)) return { selector, attributes: VM86_ATTRIBUTES, limit: 0xffff, base };
  if (n === SEG.CS) return { selector, attributes: REAL_MODE_ATTRIBUTES, limit: r.limit(SEG.CS), base };
  const { attributes, limit } = r.segment(n);
  if (attributes & ATTRIBUTE.UNUSABLE)
    return { selector, attributes: REAL_MODE_ATTRIBUTES, limit: 0xffff, base };
  return { selector, attributes, limit, base };
}

/** DS, ES, FS or GS at privilege level `cpl`. `vector`: #GP for instructions, #TS for a task switch. */
export function dataSegment(
  c: SystemContext,
  selector: number,
  cpl: number,
  vector: number,
): Readonly<Segment> | undefined {
  if (isNullSelector(selector)) return nullSegment(selector);
  const d = readDescriptor(c, selector, vector);
  if (!d) return undefined;
  const rpl = selector & SELECTOR.RPL;
  const privileged = d.isConforming || (d.dpl >= rpl && d.dpl >= cpl);
  return checked(c, d, d.isSegment && d.isReadable && privileged, vector, VECTOR.NP);
}

/**
 * SS for privilege level `cpl`. `vector` is raised for everything but a segment that is not present
 * (#SS): #GP for instructions, #TS for stacks out of a TSS. `allowNull`: 64-bit code above level 3.
 */
export function stackSegment(
  c: SystemContext,
  selector: number,
  cpl: number,
  vector: number,
  allowNull: boolean,
): Readonly<Segment> | undefined {
  if (isNullSelector(selector)) {
    if (allowNull && (selector & SELECTOR.RPL) === cpl) return nullStack(selector, cpl);
    failed(c, vector, extBit(c));
    return undefined;
  }
  const d = readDescriptor(c, selector, vector);
  if (!d) return undefined;
  const valid = (selector & SELECTOR.RPL) === cpl && d.dpl === cpl && d.isWritable;
  return checked(c, d, valid, vector, VECTOR.SS);
}

function checked(
  c: SystemContext,
  d: Descriptor,
  valid: boolean,
  vector: number,
  absent: number,
): Readonly<Segment> | undefined {
  if (!valid) failed(c, vector, selectorError(c, d.selector));
  else if (!d.present) failed(c, absent, selectorError(c, d.selector));
  else if (markAccessed(c, d)) return d.segment(d.selector);
  return undefined;
}

const CONFORMING_CODE = ATTRIBUTE.CODE | ATTRIBUTE.CONFORMING;

/** Makes DS, ES, FS, GS null when a return to the less privileged level `cpl` must not keep them. */
export function dropInaccessibleSegments(r: Registers, cpl: number): void {
  dropInaccessible(r, SEG.ES, cpl);
  dropInaccessible(r, SEG.DS, cpl);
  dropInaccessible(r, SEG.FS, cpl);
  dropInaccessible(r, SEG.GS, cpl);
}

function dropInaccessible(r: Registers, n: number, cpl: number): void {
  const attributes = r.attributes(n);
  const conforming = (attributes & CONFORMING_CODE) === CONFORMING_CODE;
  if ((attributes & ATTRIBUTE.UNUSABLE) !== 0 || conforming || dplOf(attributes) >= cpl) return;
  r.setSegment(n, nullSegment(0));
}
