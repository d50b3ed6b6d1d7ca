/**
 * A builder for ACPI machine language: each function returns the bytes of one term.
 * ACPI specification, "ACPI Machine Language (AML) Specification". Covers declarations; no control flow.
 */
import { ByteWriter } from '../byte-writer.ts';

/** Encoded AML. */
export type Aml = Uint8Array;

const OP = {
  zero: 0x00,
  one: 0x01,
  name: 0x08,
  byte: 0x0a,
  word: 0x0b,
  dword: 0x0c,
  string: 0x0d,
  scope: 0x10,
  buffer: 0x11,
  package: 0x12,
  extended: 0x5b,
} as const;
const DEVICE_OP = 0x82;

const ROOT = '\\';
const DUAL_NAME_PREFIX = 0x2e;

export function concat(parts: readonly Aml[]): Aml {
  const writer = new ByteWriter();
  for (const part of parts) writer.append(part);
  return writer.finish();
}

/** NameString of at most two segments, such as `_SB_`, `\\_S5_` or `_SB_.PCI0`. */
function nameString(path: string): Aml {
  const writer = new ByteWriter();
  const rooted = path.startsWith(ROOT);
  if (rooted) writer.ascii(ROOT);
  const segments = path.slice(rooted ? 1 : 0).split('.');
  if (segments.length > 2 || segments.some((segment) => !/^[A-Z_][A-Z0-9_]{0,3}$/.test(segment))) {
    throw new RangeError(`${path} is not an AML name of at most two segments`);
  }
  if (segments.length === 2) writer.u8(DUAL_NAME_PREFIX);
  for (const segment of segments) writer.ascii(segment.padEnd(4, '_'));
  return writer.finish();
}

/** PkgLength: one to four bytes, the first of which holds the count of the others; it counts itself. */
function withPackageLength(content: Aml): Aml {
  const extra = [0x3f, 0xfff, 0xf_ffff].findIndex((max, i) => content.length + 1 + i <= max);
  const length = content.length + 1 + extra;
  const writer = new ByteWriter();
  if (extra === 0) writer.u8(length);
  else writer.u8((extra << 6) | (length & 0xf));
  for (let i = 0; i < extra; i++) writer.u8((length >>> (4 + 8 * i)) & 0xff);
  return writer.append(content).finish();
}

/** The shortest integer constant for a value below 2^32. */
export function integer(value: number): Aml {
  const writer = new ByteWriter();
  if (value === 0) return writer.u8(OP.zero).finish();
  if (value === 1) return writer.u8(OP.one).finish();
  if (value < 0x100) return writer.u8(OP.byte, value).finish();
  if (value < 0x1_0000) return writer.u8(OP.word).u16(value).finish();
  return writer.u8(OP.dword).u32(value).finish();
}

export function string(text: string): Aml {
  return new ByteWriter().u8(OP.string).ascii(text).u8(0).finish();
}

/** A plug-and-play identifier like `PNP0A03` in the compressed form of EISA. */
export function eisaId(id: string): Aml {
  const letter = (i: number) => id.charCodeAt(i) - 0x40;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = Number.parseInt(id.slice(3), 16);
  return new ByteWriter().u8(OP.dword, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff).finish();
}

export function name(path: string, value: Aml): Aml {
  return concat([Uint8Array.of(OP.name), nameString(path), value]);
}

export function aPackage(elements: readonly Aml[]): Aml {
  return concat([
    Uint8Array.of(OP.package),
    withPackageLength(concat([Uint8Array.of(elements.length), ...elements])),
  ]);
}

export function buffer(bytes: Uint8Array): Aml {
  return concat([Uint8Array.of(OP.buffer), withPackageLength(concat([integer(bytes.length), bytes]))]);
}

export function scope(path: string, terms: readonly Aml[]): Aml {
  return concat([Uint8Array.of(OP.scope), withPackageLength(concat([nameString(path), ...terms]))]);
}

export function device(path: string, terms: readonly Aml[]): Aml {
  return concat([
    Uint8Array.of(OP.extended, DEVICE_OP),
    withPackageLength(concat([nameString(path), ...terms])),
  ]);
}
