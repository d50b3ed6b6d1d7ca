import {
  type ConstantOffsets,
  Decoder,
  DecoderOptions,
  EncodingKind,
  type Formatter,
  type Instruction,
  MemorySizeExt,
  OpCodeTableKind,
  OpKind,
  Register,
} from 'iced-x86';
import type { VirtualizationTechnique } from '../../machine/computer.ts';
import type { EncodingPart, InstructionView, OperandView } from '../../protocol/instruction-view.ts';
import { generalName, pointerName, segmentName } from '../../protocol/register-names.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import type { ReadLinear } from './code.ts';
import { nasmFormatter } from './formatter.ts';
import { exitsOf } from './instruction-exits.ts';
import { privilegeNotes } from './instruction-notes.ts';
import { modeOf } from './modes.ts';
import type { ProcessorState } from './processor-state.ts';

const LONGEST_INSTRUCTION = 15;

export interface InstructionRequest {
  readonly of: VcpuRef;
  readonly state: ProcessorState;
  readonly technique: VirtualizationTechnique;
  /** Linear; null: RIP. */
  readonly address: bigint | null;
  readonly read: ReadLinear;
}

/** One instruction with its encoding and its operands; null where none can be decoded. */
export function instructionView({
  of,
  state,
  technique,
  address,
  read,
}: InstructionRequest): InstructionView | null {
  const { bitness } = modeOf(state);
  const base = bitness === 64 ? 0n : (state.segments[1]?.base ?? 0n);
  const at = address ?? base + state.rip;
  const bytes = read(at, LONGEST_INSTRUCTION);
  const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
  decoder.ip = at;
  const instruction = decoder.decode();
  const formatter = nasmFormatter();
  const offsets = decoder.getConstantOffsets(instruction);
  const info = instruction.opCode;
  const own = bytes.slice(0, instruction.length);
  const view = instruction.isInvalid
    ? null
    : {
        of,
        address: at,
        text: formatter.format(instruction),
        parts: encodingParts(own, bitness, opcodeLengths(info), offsets),
        operands: operandsOf(instruction, formatter, { state, read, bitness }),
        notes: privilegeNotes({
          mnemonic: instruction.mnemonic,
          mustBeCpl0: info.mustBeCpl0,
          exits: exitsOf(instruction.mnemonic, info, technique),
          technique,
        }),
      };
  for (const one of [info, offsets, formatter, instruction, decoder]) one.free();
  return view;
}

// --- encoding -----------------------------------------------------------------------------------

/** Legacy prefixes, groups 1 to 4. SDM volume 2, "Instruction Prefixes". */
const PREFIXES: Readonly<Record<number, string>> = {
  38: 'segment ES',
  46: 'segment CS',
  54: 'segment SS',
  62: 'segment DS',
  100: 'segment FS',
  101: 'segment GS',
  102: 'other operand size',
  103: 'other address size',
  240: 'LOCK',
  242: 'REPNE, or part of the opcode',
  243: 'REP, or part of the opcode',
};

interface OpcodeLengths {
  readonly escapes: number;
  readonly opcode: number;
  readonly legacy: boolean;
}

const ESCAPE_BYTES: ReadonlyMap<OpCodeTableKind, number> = new Map([
  [OpCodeTableKind.T0F, 1],
  [OpCodeTableKind.T0F38, 2],
  [OpCodeTableKind.T0F3A, 2],
]);

function opcodeLengths(info: Instruction['opCode']): OpcodeLengths {
  return {
    escapes: ESCAPE_BYTES.get(info.table) ?? 0,
    opcode: info.opCodeLength,
    legacy: info.encoding === EncodingKind.Legacy,
  };
}

function encodingParts(
  bytes: Uint8Array,
  bitness: number,
  { escapes, opcode, legacy }: OpcodeLengths,
  offsets: ConstantOffsets,
): EncodingPart[] {
  if (!legacy) return [{ name: 'encoding', bytes, meaning: 'VEX or later: this processor does not have it' }];
  const parts: EncodingPart[] = [];
  let at = 0;
  const take = (name: string, length: number, meaning: string) => {
    parts.push({ name, bytes: bytes.slice(at, at + length), meaning });
    at += length;
  };
  for (let text = PREFIXES[bytes[at] ?? 0]; text !== undefined; text = PREFIXES[bytes[at] ?? 0])
    take('prefix', 1, text);
  const rex = bytes[at] ?? 0;
  if (bitness === 64 && rex >> 4 === 4) take('REX', 1, rexMeaning(rex));
  const known = escapes + opcode;
  const constants = Math.min(
    offsets.hasDisplacement ? offsets.displacementOffset : bytes.length,
    offsets.hasImmediate ? offsets.immediateOffset : bytes.length,
  );
  // An opcode of two bytes outside the escapes has its ModRM byte in it (such as x87's).
  const length = Math.min(known, constants - at);
  take(
    'opcode',
    length,
    escapes === 0 ? 'one-byte map' : `map ${escapes === 1 ? '0F' : hexBytes(bytes.slice(at, at + 2))}`,
  );
  if (at < constants) take('ModRM', 1, modrmMeaning(bytes[at] ?? 0));
  if (at < constants) take('SIB', 1, sibMeaning(bytes[at] ?? 0));
  if (offsets.hasDisplacement)
    take('displacement', offsets.displacementSize, littleEndian(bytes, at, offsets.displacementSize));
  if (at < bytes.length) take('immediate', bytes.length - at, littleEndian(bytes, at, bytes.length - at));
  return parts;
}

function rexMeaning(rex: number): string {
  const bits = [
    [8, 'W: 64-bit operands'],
    [4, 'R extends ModRM.reg'],
    [2, 'X extends SIB.index'],
    [1, 'B extends ModRM.rm or SIB.base'],
  ] as const;
  return (
    bits
      .filter(([bit]) => rex & bit)
      .map(([, text]) => text)
      .join(', ') || 'low bytes of SPL to DIL'
  );
}

const modrmMeaning = (byte: number): string =>
  `mod ${byte >> 6}${byte >> 6 === 3 ? ' (register)' : ''}, reg ${(byte >> 3) & 7}, rm ${byte & 7}`;
const sibMeaning = (byte: number): string =>
  `scale ${1 << (byte >> 6)}, index ${(byte >> 3) & 7}, base ${byte & 7}`;
const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(' ');

function littleEndian(bytes: Uint8Array, at: number, length: number): string {
  let value = 0n;
  for (let i = Math.min(length, 8) - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
  const signed = BigInt.asIntN(length * 8, value);
  return signed < 0n ? `-0x${(-signed).toString(16)}` : `0x${value.toString(16)}`;
}

// --- operands -----------------------------------------------------------------------------------

interface Surroundings {
  readonly state: ProcessorState;
  readonly read: ReadLinear;
  readonly bitness: number;
}

const BRANCHES: readonly OpKind[] = [OpKind.NearBranch16, OpKind.NearBranch32, OpKind.NearBranch64];

function operandsOf(instruction: Instruction, formatter: Formatter, around: Surroundings): OperandView[] {
  const all: OperandView[] = [];
  for (let n = 0; n < instruction.opCount; n++) {
    const kind = instruction.opKind(n);
    const shown = formatter.getFormatterOperand(instruction, n);
    const text =
      shown === undefined ? impliedText(instruction, n) : formatter.formatOperand(instruction, shown);
    if (kind === OpKind.Register) {
      const value = registerValue(around.state, instruction.opRegister(n));
      all.push({ text, value: value === undefined ? '' : hex(value), address: null });
    } else if (kind === OpKind.Memory) {
      const { memoryBase: base, memoryIndex: index, memorySegment: segment } = instruction;
      all.push({ text, ...memoryOperand(instruction, { base, index, segment }, around) });
    } else if (STRING_OPERANDS.has(kind)) {
      all.push({ text, ...memoryOperand(instruction, stringOperand(instruction, kind), around) });
    } else if (BRANCHES.includes(kind)) all.push({ text, value: 'branch target', address: null });
    else all.push({ text, value: 'immediate', address: null });
  }
  return all;
}

/** Registers of a memory operand. */
interface MemoryRegisters {
  readonly base: Register;
  readonly index: Register;
  readonly segment: Register;
}

/** Operands of string instructions: the register that points, and whether the segment can be another than ES. */
const STRING_OPERANDS: ReadonlyMap<OpKind, readonly [base: Register, source: boolean]> = new Map([
  [OpKind.MemorySegSI, [Register.SI, true]],
  [OpKind.MemorySegESI, [Register.ESI, true]],
  [OpKind.MemorySegRSI, [Register.RSI, true]],
  [OpKind.MemorySegDI, [Register.DI, true]],
  [OpKind.MemorySegEDI, [Register.EDI, true]],
  [OpKind.MemorySegRDI, [Register.RDI, true]],
  [OpKind.MemoryESDI, [Register.DI, false]],
  [OpKind.MemoryESEDI, [Register.EDI, false]],
  [OpKind.MemoryESRDI, [Register.RDI, false]],
]);

function stringOperand(instruction: Instruction, kind: OpKind): MemoryRegisters {
  const [base, source] = STRING_OPERANDS.get(kind) ?? [Register.None, true];
  return { base, index: Register.None, segment: source ? instruction.memorySegment : Register.ES };
}

const nameOf = (register: Register): string => (Register[register] ?? '').toLowerCase();

/** An operand that the mnemonic says by itself. */
function impliedText(instruction: Instruction, n: number): string {
  const kind = instruction.opKind(n);
  if (kind === OpKind.Register) return nameOf(instruction.opRegister(n));
  if (!STRING_OPERANDS.has(kind)) return 'implied';
  const { base, segment } = stringOperand(instruction, kind);
  return `[${nameOf(segment)}:${nameOf(base)}]`;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** General and segment registers and RIP; undefined for the others. */
function registerValue(state: ProcessorState, register: Register): bigint | undefined {
  const name = (Register[register] ?? '').toLowerCase();
  const general = generalName(name);
  if (general !== undefined) return BigInt.asUintN(general.bits, state.general[general.number] ?? 0n);
  if (pointerName(name) !== undefined) return state.rip;
  const segment = segmentName(name);
  if (segment !== undefined) return BigInt(state.segments[segment]?.selector ?? 0);
  return byteRegister(state, name);
}

const HIGH_BYTES = ['ah', 'ch', 'dh', 'bh'];
const LOW_BYTES = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];

function byteRegister(state: ProcessorState, name: string): bigint | undefined {
  const high = HIGH_BYTES.indexOf(name);
  if (high >= 0) return ((state.general[high] ?? 0n) >> 8n) & 0xffn;
  const numbered = /^r(\d+)l$/.exec(name);
  const n = numbered ? Number(numbered[1]) : LOW_BYTES.indexOf(name);
  return n < 0 ? undefined : (state.general[n] ?? 0n) & 0xffn;
}

function memoryOperand(
  instruction: Instruction,
  { base: memoryBase, index: memoryIndex, segment: memorySegment }: MemoryRegisters,
  { state, read, bitness }: Surroundings,
) {
  const part = (register: Register) =>
    register === Register.None ? 0n : (registerValue(state, register) ?? 0n);
  const effective = instruction.isIpRelMemoryOperand
    ? instruction.ipRelMemoryAddress
    : part(memoryBase) +
      part(memoryIndex) * BigInt(instruction.memoryIndexScale) +
      instruction.memoryDisplacement;
  const offset = BigInt.asUintN(addressBits(memoryBase, memoryIndex, bitness), effective);
  const segment = segmentName(nameOf(memorySegment));
  // In 64-bit mode only FS and GS have bases.
  const base =
    segment === undefined || (bitness === 64 && segment < 4) ? 0n : (state.segments[segment]?.base ?? 0n);
  const linear = BigInt.asUintN(bitness === 64 ? 64 : 32, base + offset);
  const size = MemorySizeExt.size(instruction.memorySize);
  const where = base === 0n ? hex(linear) : `${hex(offset)}, linear ${hex(linear)}`;
  if (size === 0) return { value: 'address only', address: where };
  const bytes = read(linear, size);
  const value =
    bytes.length < size
      ? 'not mapped'
      : `0x${[...bytes]
          .reverse()
          .map((byte) => byte.toString(16).padStart(2, '0'))
          .join('')}`;
  return { value, address: where };
}

function addressBits(base: Register, index: Register, bitness: number): number {
  const name = Register[base === Register.None ? index : base] ?? '';
  return generalName(name.toLowerCase())?.bits ?? bitness;
}
