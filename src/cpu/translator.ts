/**
 * Turns code bytes into decoded records: one run of instructions at a time, up to the first
 * unconditional branch, the end of the page or code that is decoded already.
 */

import { type CpuidConfig, hasFeature } from '../arch/cpuid.ts';
import { SEG } from '../arch/registers.ts';
import { type DecodeResult, Decoder, MAX_LENGTH, NO_REGISTER, RIP_BASE } from '../isa/decoder.ts';
import { CODE_MODE, type CodeMode } from '../isa/modes.ts';
import type { OpcodeMap } from '../isa/opcode-map.ts';
import { hasAttribute } from '../isa/operands.ts';
import type { CodeCache } from './code-cache.ts';
import { formIndex, HANDLER, type HandlerPlan } from './generator/handlers.ts';
import { LAYOUT, RECORD, STATE } from './state.ts';
import { PREFIX } from './system/record.ts';

const PAGE = 0x1000;
/** Instructions decoded ahead at most; keeps cold code cheap. */
const MAX_RUN = 32;

/** What the records of a run are attached to. */
export interface CodePage {
  /** Host-physical page number. */
  readonly page: number;
  readonly table: number;
  readonly mode: CodeMode;
}

/** Chooses instructions by what they are. @param bytes of one instruction; not to be kept */
export type InstructionMark = (bytes: Uint8Array, mode: CodeMode) => boolean;

/** The segments that FLAT32 vouches for; see CODE_MODE. */
const FLAT_SEGMENTS: readonly number[] = [SEG.ES, SEG.SS, SEG.DS];

export class Translator {
  private readonly u8: Uint8Array;
  private readonly u16: Uint16Array;
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly decoder: Decoder;
  private readonly plan: HandlerPlan;
  private readonly code: CodeCache;
  /** Numbers of the system operations that raise #UD and #GP(0). */
  private readonly undefinedOperation: number;
  private readonly tooLongOperation: number;
  /** By entry: control does not reach the next instruction. */
  private readonly ends: readonly boolean[];
  /** By entry: a system operation, whose record has its own conventions (system/record.ts). */
  private readonly system: readonly boolean[];
  /** By entry: CPUID shows the features that it needs, at any operand size and at 64 bits. */
  private readonly offered: readonly boolean[];
  private readonly offered64: readonly boolean[];
  private readonly crossingBytes = new Uint8Array(16);
  /** Instructions that stand alone; of system operations all. */
  mark: InstructionMark | undefined;
  /** Whether the instruction translated last as one that stands alone is marked. */
  isMarked = false;

  /** @param cpuid says which features are shown: instructions of the others are undefined */
  constructor(
    memory: WebAssembly.Memory,
    map: OpcodeMap,
    plan: HandlerPlan,
    code: CodeCache,
    cpuid: CpuidConfig,
  ) {
    this.u8 = new Uint8Array(memory.buffer);
    this.u16 = new Uint16Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.decoder = new Decoder(map);
    this.plan = plan;
    this.code = code;
    this.undefinedOperation = plan.systemNames.indexOf('undefined');
    this.tooLongOperation = plan.systemNames.indexOf('too-long');
    this.ends = map.entries.map((e) => hasAttribute(e.row, 'end'));
    const isShown = (feature: string | undefined) => feature === undefined || hasFeature(cpuid, feature);
    this.offered = map.entries.map((e) => isShown(e.row.feature));
    this.offered64 = map.entries.map((e) => isShown(e.row.feature64));
    this.system = map.entries.map((e) => typeof e.row.semantics !== 'function');
  }

  /**
   * Decodes from `offset` of a page of RAM and enters the records in the page's table.
   * @param stops page offsets at which no record may be entered (breakpoints), besides the first
   * @returns the first record, or 0 when the instruction at `offset` reaches into the next page
   */
  translate(at: CodePage, offset: number, stops?: ReadonlySet<number>): number {
    const { code } = this;
    if (!code.hasRoom(MAX_RUN + 1)) return -1;
    const start = LAYOUT.RAM + at.page * PAGE;
    let first = 0;
    let position = offset;
    for (let count = 0; count < MAX_RUN && position < PAGE; count++) {
      if (count > 0 && (this.u32[(at.table >> 2) + position] !== 0 || stops?.has(position))) break;
      const result = this.decode(this.u8, start + position, start + PAGE, position, at.mode);
      if (result === 'more') break;
      if (this.mark !== undefined && this.marks(this.u8, start + position, result, at.mode)) {
        if (count > 0) break;
        return this.translateSingle(at, offset, undefined);
      }
      const record = code.allocate();
      if (first === 0) first = record;
      this.u32[(at.table >> 2) + position] = record;
      code.statistics.decoded++;
      if (result !== 'ok') {
        this.writeFault(record, position, result);
        code.markCode(at.page, offset, Math.min(PAGE, position + MAX_LENGTH));
        return first;
      }
      this.write(record, position, at.mode);
      position += this.decoder.length;
      if (this.ends[this.decoder.entry.index]) {
        code.markCode(at.page, offset, position);
        return first;
      }
    }
    if (first === 0) return 0;
    code.markCode(at.page, offset, position);
    this.writeContinue(code.allocate(), position);
    return first;
  }

  /**
   * Decodes one instruction that stands alone: one that crosses into `second`, or one to be executed
   * singly. It is followed by a CONTINUE and entered in no table.
   */
  translateSingle(at: CodePage, offset: number, second: number | undefined): number {
    const start = LAYOUT.RAM + at.page * PAGE + offset;
    const inFirst = Math.min(15, PAGE - offset);
    this.crossingBytes.set(this.u8.subarray(start, start + inFirst));
    let available = inFirst;
    if (second !== undefined && inFirst < 15) {
      const from = LAYOUT.RAM + second * PAGE;
      this.crossingBytes.set(this.u8.subarray(from, from + 15 - inFirst), inFirst);
      available = 15;
    }
    const result = this.decode(this.crossingBytes, 0, available, offset, at.mode);
    const record = this.code.allocate();
    if (result === 'more') return 0;
    this.isMarked = this.marks(this.crossingBytes, 0, result, at.mode);
    const length = result === 'ok' ? this.decoder.length : available;
    this.code.markCode(at.page, offset, Math.min(PAGE, offset + length));
    if (second !== undefined && offset + length > PAGE) this.code.markCode(second, 0, offset + length - PAGE);
    if (result === 'ok') this.write(record, offset, at.mode);
    else this.writeFault(record, offset, result);
    this.writeContinue(this.code.allocate(), offset + length);
    return record;
  }

  /** Of the instruction decoded last. */
  private marks(bytes: Uint8Array, at: number, result: DecodeResult, mode: CodeMode): boolean {
    const { mark } = this;
    if (mark === undefined || result !== 'ok') return false;
    const { entry, length } = this.decoder;
    return this.system[entry.index] || mark(bytes.subarray(at, at + length), mode);
  }

  private decode(
    bytes: Uint8Array,
    at: number,
    end: number,
    pageOffset: number,
    mode: CodeMode,
  ): DecodeResult {
    const result = this.decoder.decode(bytes, at, end, pageOffset, mode);
    if (result !== 'ok') return result;
    const { entry, size } = this.decoder;
    const isOffered = this.offered[entry.index] && (size !== 64 || this.offered64[entry.index]);
    return isOffered ? 'ok' : 'undefined';
  }

  private write(record: number, offset: number, mode: CodeMode): void {
    const d = this.decoder;
    const { index } = d.entry;
    const isSystem = this.system[index];
    const flat =
      mode === CODE_MODE.LONG64
        ? d.addressSize === 64
        : mode === CODE_MODE.FLAT32 && d.addressSize === 32 && FLAT_SEGMENTS.includes(d.segment);
    const handler = this.plan.handlers[index][formIndex(d.size, d.memory, !flat)];
    if (!handler) throw new Error(`no handler for ${d.entry.row.mnemonic} at size ${d.size}`);
    const at16 = record >> 1;
    const at32 = record >> 2;
    this.u16[at16 + RECORD.HANDLER / 2] = handler.number;
    this.u16[at16 + RECORD.OFFSET / 2] = offset;
    this.u16[at16 + RECORD.REG / 2] = isSystem ? d.reg * 8 : registerField(d.regKind, d.reg);
    this.u16[at16 + RECORD.RM / 2] = isSystem ? d.rm * 8 : registerField(d.rmKind, d.rm);
    this.u16[at16 + RECORD.BASE / 2] = addressField(d.base);
    this.u16[at16 + RECORD.INDEX / 2] = addressField(d.index);
    this.u8[record + RECORD.SCALE] = d.scale;
    this.u8[record + RECORD.SEGMENT] = d.segment;
    this.u8[record + RECORD.LENGTH] = d.length;
    this.u8[record + RECORD.PREFIXES] =
      d.rep |
      ((d.addressSize >> 5) << PREFIX.ADDRESS_SHIFT) |
      (d.operandOverride ? PREFIX.OPERAND_SIZE : 0) |
      (d.lock ? PREFIX.LOCK : 0) |
      (d.memory ? PREFIX.MEMORY : 0) |
      (d.rexW ? PREFIX.REX_W : 0);
    this.i32[at32 + RECORD.DISPLACEMENT / 4] = d.memory ? d.displacement : d.secondImmediate;
    this.u32[at32 + RECORD.LINK / 4] = handler.link;
    this.i32[at32 + RECORD.IMMEDIATE / 4] = d.immediateLow;
    this.i32[at32 + RECORD.IMMEDIATE / 4 + 1] = d.farPointer ? d.secondImmediate : d.immediateHigh;
  }

  private writeFault(record: number, offset: number, result: 'undefined' | 'too-long'): void {
    this.clear(record);
    this.u16[(record + RECORD.HANDLER) >> 1] = HANDLER.SYSTEM;
    this.u16[(record + RECORD.OFFSET) >> 1] = offset;
    this.u8[record + RECORD.LENGTH] = 1;
    this.u32[(record + RECORD.LINK) >> 2] =
      result === 'undefined' ? this.undefinedOperation : this.tooLongOperation;
  }

  private writeContinue(record: number, offset: number): void {
    this.clear(record);
    this.u16[(record + RECORD.HANDLER) >> 1] = HANDLER.CONTINUE;
    this.u16[(record + RECORD.OFFSET) >> 1] = offset;
  }

  private clear(record: number): void {
    const { u32 } = this;
    for (let at = record >> 2; at < (record + RECORD.SIZE) >> 2; at++) u32[at] = 0;
  }
}

/** CPU-block offset of a register. 16..19 are AH CH DH BH: byte 1 of registers 0..3. */
function registerField(kind: Decoder['regKind'], number: number): number {
  if (kind === 'vector') return STATE.XMM + number * 16;
  // MMn is physical register n: writing one sets TOP to 0.
  if (kind === 'mmx') return STATE.X87 + number * 16;
  return number < 16 ? STATE.GPR + number * 8 : STATE.GPR + (number - 16) * 8 + 1;
}

function addressField(number: number): number {
  if (number === NO_REGISTER) return STATE.ZERO;
  return number === RIP_BASE ? STATE.PAGE_IP : STATE.GPR + number * 8;
}
