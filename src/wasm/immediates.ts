/** What follows the opcodes of a function body, as text. */
import { type CodeReader, WasmTextError } from './code-reader.ts';
import { TYPE_BYTE } from './expression.ts';

type Names = readonly (string | undefined)[];

/** Names by index; an index without a name stands for itself. */
export interface WasmNames {
  readonly functions?: Names;
  readonly types?: Names;
  /** Of parameters, then locals. */
  readonly locals?: Names;
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  [...Object.entries(TYPE_BYTE), ['funcref', 0x70] as const, ['externref', 0x6f] as const].map(
    ([name, byte]) => [byte, name],
  ),
);
const EMPTY_BLOCK_TYPE = 0x40;

export class ImmediateReader {
  private readonly code: CodeReader;
  private readonly names: WasmNames;
  private readonly labelAt: (depth: number) => string | undefined;

  /** @param labelAt name of the branch target `depth` blocks out, undefined when there are fewer */
  constructor(code: CodeReader, names: WasmNames, labelAt: (depth: number) => string | undefined) {
    this.code = code;
    this.names = names;
    this.labelAt = labelAt;
  }

  blockType(): string {
    const at = this.code.position;
    const value = Number(this.code.i64());
    if (value >= 0) return ` (type ${this.named(this.names.types, value)})`;
    const byte = value & 0x7f;
    if (byte === EMPTY_BLOCK_TYPE) return '';
    return ` (result ${this.typeName(byte, at)})`;
  }

  type(): string {
    const at = this.code.position;
    return this.typeName(this.code.byte(), at);
  }

  private typeName(byte: number, at: number): string {
    const name = TYPE_NAMES.get(byte);
    if (name === undefined) throw new WasmTextError(`no type has the number ${byte.toString(16)}h`, at);
    return name;
  }

  label(): string {
    const at = this.code.position;
    const depth = this.code.u32();
    const label = this.labelAt(depth);
    if (label === undefined)
      throw new WasmTextError(`a branch out of ${depth} blocks, more than there are`, at);
    return label;
  }

  labels(): string[] {
    const count = this.code.u32();
    return Array.from({ length: count + 1 }, () => this.label());
  }

  /** A local by its index. */
  local(index = this.code.u32()): string {
    return this.named(this.names.locals, index);
  }

  function(): string {
    return this.named(this.names.functions, this.code.u32());
  }

  /** Of a call_indirect: type, and the table when it is not the first. */
  indirect(): string[] {
    const type = `(type ${this.named(this.names.types, this.code.u32())})`;
    const table = this.code.u32();
    return table === 0 ? [type] : [String(table), type];
  }

  u32(): number {
    return this.code.u32();
  }

  byte(): number {
    return this.code.byte();
  }

  /** Alignment (left out) and offset of a memory access. */
  memory(): string[] {
    this.code.u32();
    const offset = this.code.u32();
    return offset === 0 ? [] : [`offset=${offset}`];
  }

  i32(): string {
    return integer(BigInt(this.code.i32()));
  }

  i64(): string {
    return integer(this.code.i64());
  }

  f32(): string {
    const at = this.code.position;
    const value = this.code.f32();
    return Number.isNaN(value) ? this.notANumber(at, 32) : real(value);
  }

  f64(): string {
    const at = this.code.position;
    const value = this.code.f64();
    return Number.isNaN(value) ? this.notANumber(at, 64) : real(value);
  }

  /** A v128 constant as four words, the lowest first. */
  v128(): string[] {
    const words = [0, 1, 2, 3].map(() => this.code.bits(32));
    return ['i32x4', ...words.map((word) => `0x${word.toString(16).padStart(8, '0')}`)];
  }

  private notANumber(at: number, width: 32 | 64): string {
    this.code.position = at;
    const bits = this.code.bits(width);
    const fraction = width === 32 ? 23n : 52n;
    const sign = bits >> BigInt(width - 1) ? '-' : '';
    return `${sign}nan:0x${(bits & ((1n << fraction) - 1n)).toString(16)}`;
  }

  private named(names: Names | undefined, index: number): string {
    const text = names?.[index];
    return text === undefined ? String(index) : `$${text}`;
  }
}

/** Small numbers in decimal, others in hexadecimal: those are addresses and masks. */
function integer(value: bigint): string {
  const size = value < 0n ? -value : value;
  return size < 1000n ? String(value) : `${value < 0n ? '-' : ''}0x${size.toString(16)}`;
}

function real(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? 'inf' : '-inf';
}

type Immediates = (d: ImmediateReader) => readonly (number | string)[];

const none: Immediates = () => [];
const access: Immediates = (d) => d.memory();
const accessLane: Immediates = (d) => [...d.memory(), d.byte()];
const lane: Immediates = (d) => [d.byte()];

const range = (first: number, last: number, immediates: Immediates): [number, Immediates][] =>
  Array.from({ length: last - first + 1 }, (_, i) => [first + i, immediates]);

/** What follows the opcode, in order; instructions that are not here have none. Blocks are read apart. */
const IMMEDIATES: ReadonlyMap<number, Immediates> = new Map([
  ...range(0x0c, 0x0d, (d) => [d.label()]),
  ...range(0x0e, 0x0e, (d) => d.labels()),
  ...range(0x10, 0x10, (d) => [d.function()]),
  ...range(0x11, 0x11, (d) => d.indirect()),
  ...range(0x12, 0x12, (d) => [d.function()]),
  ...range(0x13, 0x13, (d) => d.indirect()),
  ...range(0x1c, 0x1c, (d) => Array.from({ length: d.u32() }, () => `(result ${d.type()})`)),
  ...range(0x20, 0x22, (d) => [d.local()]),
  ...range(0x23, 0x26, (d) => [d.u32()]),
  ...range(0x28, 0x3e, access),
  ...range(0x3f, 0x40, (d) => memories(d, 1)),
  ...range(0x41, 0x41, (d) => [d.i32()]),
  ...range(0x42, 0x42, (d) => [d.i64()]),
  ...range(0x43, 0x43, (d) => [d.f32()]),
  ...range(0x44, 0x44, (d) => [d.f64()]),
  ...range(0xfc000a, 0xfc000a, (d) => memories(d, 2)),
  ...range(0xfc000b, 0xfc000b, (d) => memories(d, 1)),
  ...range(0xfc000f, 0xfc0011, (d) => [d.u32()]),
  ...range(0xfd0000, 0xfd000b, access),
  ...range(0xfd000c, 0xfd000c, (d) => d.v128()),
  ...range(0xfd000d, 0xfd000d, (d) => Array.from({ length: 16 }, () => d.byte())),
  ...range(0xfd0015, 0xfd0022, lane),
  ...range(0xfd0054, 0xfd005b, accessLane),
  ...range(0xfd005c, 0xfd005d, access),
]);

/** Indices of memories, shown when one of them is not the only one. */
function memories(d: ImmediateReader, count: number): number[] {
  const indices = Array.from({ length: count }, () => d.u32());
  return indices.some((index) => index !== 0) ? indices : [];
}

/** The immediates of instruction `op`, whose opcode has just been read. */
export function immediatesOf(op: number, reader: ImmediateReader): readonly (number | string)[] {
  return (IMMEDIATES.get(op) ?? none)(reader);
}
