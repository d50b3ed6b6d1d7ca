import { Decoder, DecoderOptions, FlowControl, type Instruction } from 'iced-x86';
import type { VirtualizationTechnique } from '../../machine/computer.ts';
import type { NamedAddress } from '../../machine/symbols.ts';
import type { CodeLine, CodeView } from '../../protocol/processor-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import { nasmFormatter } from './formatter.ts';
import { exitsOf } from './instruction-exits.ts';
import { isSensitive } from './instruction-notes.ts';
import { linearRip, modeOf } from './modes.ts';
import type { ProcessorState } from './processor-state.ts';
import { type NameOf, symbolText } from './symbol-text.ts';

/** Reads linear memory without side effects: fewer bytes than asked for where a page is not mapped. */
export type ReadLinear = (address: bigint, length: number) => Uint8Array;

export interface CodeRequest {
  readonly of: VcpuRef;
  readonly state: ProcessorState;
  readonly technique: VirtualizationTechnique;
  /** First linear address; null starts a little before RIP. */
  readonly from: bigint | null;
  readonly lines: number;
  readonly breakpoints: ReadonlySet<bigint>;
  readonly read: ReadLinear;
  readonly nameOf: NameOf;
}

const LONGEST_INSTRUCTION = 15;
/** Bytes before RIP where decoding may start so that it arrives at RIP. */
const RUN_UP = 64;
/** Lines shown before RIP. */
const LINES_BEFORE = 5;

/** The disassembly panel of one vCPU. */
export function codeView(request: CodeRequest): CodeView {
  const { of, state, technique, from, lines, breakpoints, read, nameOf } = request;
  const { bitness } = modeOf(state);
  const mask = bitness === 64 ? (1n << 64n) - 1n : 0xffff_ffffn;
  const rip = linearRip(state);
  const start = from ?? startBefore(rip, bitness, read);
  const bytes = read(start, lines * LONGEST_INSTRUCTION);
  const formatter = nasmFormatter();
  const decoded = decode(bytes, start, bitness, lines, (instruction, offset): CodeLine => {
    const address = (start + BigInt(offset)) & mask;
    return {
      address,
      bytes: bytes.slice(offset, offset + instruction.length),
      text: instruction.isInvalid ? '(bad)' : formatter.format(instruction),
      label: labelAt(nameOf, address),
      target: symbolText(targetOf(instruction, nameOf)),
      notes: notesOn(instruction, technique),
      current: address === rip,
      breakpoint: breakpoints.has(address),
    };
  });
  formatter.free();
  return {
    of,
    rip,
    bitness,
    lines: decoded,
    ended: decoded.length < lines ? endText(start, bytes.length) : null,
    breakpoints: [...breakpoints].sort((a, b) => (a < b ? -1 : 1)),
  };
}

/** Decodes up to `count` instructions; stops where one would run past the bytes. */
function decode<T>(
  bytes: Uint8Array,
  address: bigint,
  bitness: number,
  count: number,
  make: (instruction: Instruction, offset: number) => T,
): T[] {
  const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
  decoder.ip = address;
  const all: T[] = [];
  while (all.length < count && decoder.canDecode) {
    const offset = decoder.position;
    const instruction = decoder.decode();
    const cut =
      instruction.isInvalid &&
      decoder.position === bytes.length &&
      bytes.length - offset < LONGEST_INSTRUCTION;
    if (!cut) all.push(make(instruction, offset));
    instruction.free();
    if (cut) break;
  }
  decoder.free();
  return all;
}

/**
 * An address some instructions before `rip` from which decoding arrives exactly there. x86 code cannot
 * be read backwards: the first start that fits is likely, not certain, to be the real one.
 */
function startBefore(rip: bigint, bitness: number, read: ReadLinear): bigint {
  for (let back = Math.min(RUN_UP, Number(rip)); back > 0; back--) {
    const start = rip - BigInt(back);
    const bytes = read(start, back);
    if (bytes.length < back) continue;
    const starts = decode(bytes, start, bitness, back, (instruction, offset) =>
      instruction.isInvalid ? -1 : offset + instruction.length,
    );
    if (starts.includes(-1) || starts.at(-1) !== back) continue;
    const first = starts[starts.length - LINES_BEFORE - 1] ?? 0;
    return start + BigInt(first);
  }
  return rip;
}

function labelAt(nameOf: NameOf, address: bigint): string | null {
  const named = nameOf(address);
  return named?.offset === 0 ? named.name : null;
}

/** The symbol of a near branch's target, or of data at an address relative to RIP. */
function targetOf(instruction: Instruction, nameOf: NameOf): NamedAddress | undefined {
  const target = instruction.nearBranchTarget;
  if (target !== 0n) return nameOf(target);
  return instruction.isIpRelMemoryOperand ? nameOf(instruction.ipRelMemoryAddress) : undefined;
}

/** What the instruction means for virtualization, from its encoding alone. */
function notesOn(instruction: Instruction, technique: VirtualizationTechnique): string[] {
  if (instruction.isInvalid) return ['#UD'];
  const info = instruction.opCode;
  const exits = exitsOf(instruction.mnemonic, info, technique);
  if (exits === 'absent') {
    info.free();
    return ['#UD'];
  }
  const notes: string[] = [];
  if (info.mustBeCpl0) notes.push('CPL 0');
  // INT3, INTO and INT1 exit from a VT-x VM only when the exception bitmap says so.
  const raises = technique === 'vt-x' && instruction.flowControl === FlowControl.Interrupt;
  if (exits === 'always' && !raises) notes.push('VM exit');
  else if (exits === 'maybe' && !raises) notes.push('may exit');
  if (isSensitive(instruction.mnemonic)) notes.push('sensitive');
  info.free();
  return notes;
}

function endText(start: bigint, length: number): string {
  if (length === 0) return `No memory is mapped at 0x${start.toString(16)}.`;
  return `No memory is mapped from 0x${(start + BigInt(length)).toString(16)} on.`;
}
