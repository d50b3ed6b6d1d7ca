/** Resource descriptors for `_CRS`. ACPI specification, "Resource Data Types for ACPI". */
import { ByteWriter } from '../byte-writer.ts';
import { type Aml, buffer, concat } from './aml.ts';

/** Tags of small descriptors with their length in the low three bits. */
const IRQ_NO_FLAGS = 0x22;
const IO = 0x47;
const END = 0x79;
/** Tags of large descriptors. */
const DWORD_ADDRESS_SPACE = 0x87;
const WORD_ADDRESS_SPACE = 0x88;

const RESOURCE_TYPE = { memory: 0, io: 1, bus: 2 } as const;
/** General flags of address spaces: produced for children, positive decode, both ends fixed. */
const PRODUCER_FIXED = 0x0c;
const MEMORY_READ_WRITE = 0x01;
const IO_ENTIRE_RANGE = 0x03;
const DECODE_16_BITS = 0x01;

export interface Range {
  readonly base: number;
  readonly length: number;
}

/** Fixed I/O ports. */
export function ports({ base, length }: Range): Uint8Array {
  return new ByteWriter().u8(IO, DECODE_16_BITS).u16(base).u16(base).u8(1, length).finish();
}

/** One edge-triggered, active-high, exclusive ISA interrupt. */
export function irq(line: number): Uint8Array {
  return new ByteWriter()
    .u8(IRQ_NO_FLAGS)
    .u16(1 << line)
    .finish();
}

function wordSpace(type: number, typeFlags: number, { base, length }: Range): Uint8Array {
  const writer = new ByteWriter().u8(WORD_ADDRESS_SPACE).u16(13).u8(type, PRODUCER_FIXED, typeFlags);
  return writer
    .u16(0)
    .u16(base)
    .u16(base + length - 1)
    .u16(0)
    .u16(length)
    .finish();
}

/** Bus numbers that a bridge passes on. */
export const busNumbers = (range: Range): Uint8Array => wordSpace(RESOURCE_TYPE.bus, 0, range);

/** I/O ports that a bridge passes on; fewer than 65,536. */
export const portWindow = (range: Range): Uint8Array => wordSpace(RESOURCE_TYPE.io, IO_ENTIRE_RANGE, range);

/** Memory below 4 GiB that a bridge passes on, uncached. */
export function memoryWindow({ base, length }: Range): Uint8Array {
  const writer = new ByteWriter().u8(DWORD_ADDRESS_SPACE).u16(23);
  writer.u8(RESOURCE_TYPE.memory, PRODUCER_FIXED, MEMORY_READ_WRITE);
  return writer
    .u32(0)
    .u32(base)
    .u32(base + length - 1)
    .u32(0)
    .u32(length)
    .finish();
}

/** The buffer that `_CRS` evaluates to. A checksum of 0 in the end tag means "not checked". */
export function resourceTemplate(descriptors: readonly Uint8Array[]): Aml {
  return buffer(concat([...descriptors, Uint8Array.of(END, 0)]));
}
