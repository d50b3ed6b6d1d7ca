/**
 * The instruction decoder. It reads bytes and fills one reused `Decoded` object; what the fields
 * mean at run time is the business of its caller (the record writer, a disassembler's cross-check).
 *
 * SDM volume 2A, "Instruction Format". Not modelled: VEX, EVEX and XOP prefixes (no such feature is
 * shown by CPUID, so that LES, LDS and BOUND keep their meaning, or #UD in 64-bit mode).
 */
import { SEG } from '../arch/registers.ts';
import type { Size } from './definition.ts';
import { CODE_MODE, CODE_MODE_SIZE, type CodeMode } from './modes.ts';
import type { Entry, OpcodeMap } from './opcode-map.ts';
import {
  fixedSize,
  hasAttribute,
  ignoresMod,
  isSized,
  type Operand,
  operandWidth,
  parseOperands,
  usesRm,
} from './operands.ts';

/** Outcome of `decode`. */
export type DecodeResult =
  | 'ok'
  /** The bytes ran out before the instruction's end. */
  | 'more'
  /** #UD: no such instruction, or LOCK where it is not allowed. */
  | 'undefined'
  /** #GP(0): longer than 15 bytes. */
  | 'too-long';

/** A register number that stands for "none" in `base` and `index`. */
export const NO_REGISTER = -1;
/** Base of RIP-relative operands; `displacement` then counts from the page offset 0. */
export const RIP_BASE = -2;

/** Bytes of the longest instruction. */
export const MAX_LENGTH = 15;

/** What an operand letter asks the decoder to fetch or assign; computed once for each entry. */
interface Recipe {
  readonly sized: boolean;
  readonly fixedSize: Size;
  readonly d64: boolean;
  readonly f64: boolean;
  readonly lock: boolean;
  readonly byteReg: boolean;
  readonly byteRm: boolean;
  readonly byteOpcodeRegister: boolean;
  readonly opcodeRegister: boolean;
  readonly accumulator: boolean;
  readonly immediates: readonly Operand[];
  readonly memoryOffset: boolean;
  readonly vectorReg: boolean;
  readonly vectorRm: boolean;
  readonly mmxReg: boolean;
  /** REX.R does not count: MMX and segment registers. */
  readonly lowReg: boolean;
  readonly ignoresMod: boolean;
  readonly mmxRm: boolean;
  readonly x87: boolean;
}

export class Decoder {
  private readonly map: OpcodeMap;
  private readonly recipes: readonly Recipe[];

  // --- the decoded instruction ---
  entry!: Entry;
  length = 0;
  size: Size = 32;
  memory = false;
  /** General register numbers 0..15, or 16..19 for AH CH DH BH; vector registers 0..15. */
  reg = 0;
  rm = 0;
  regKind: 'general' | 'vector' | 'mmx' = 'general';
  rmKind: 'general' | 'vector' | 'mmx' = 'general';
  base = NO_REGISTER;
  index = NO_REGISTER;
  scale = 0;
  displacement = 0;
  segment: number = SEG.DS;
  /** Address size in bits. */
  addressSize: 16 | 32 | 64 = 64;
  immediateLow = 0;
  immediateHigh = 0;
  /** Second immediate (ENTER's level, a far pointer's selector, EXTRQ): in place of the displacement. */
  secondImmediate = 0;
  /** 0 none, 1 F3h, 2 F2h. */
  rep = 0;
  lock = false;
  operandOverride = false;
  rexW = false;
  /** The immediates are a far pointer: offset, then selector. */
  farPointer = false;

  private bytes!: Uint8Array;
  private start = 0;
  private position = 0;
  private end = 0;

  constructor(map: OpcodeMap) {
    this.map = map;
    this.recipes = map.entries.map(recipeOf);
  }

  /**
   * @param bytes holds the instruction at `offset`; `end` is the first offset that may not be read
   * @param pageOffset of the instruction in its page, for RIP-relative displacements
   */
  decode(bytes: Uint8Array, offset: number, end: number, pageOffset: number, mode: CodeMode): DecodeResult {
    this.bytes = bytes;
    this.start = offset;
    this.position = offset;
    this.end = Math.min(end, offset + MAX_LENGTH);
    const truncated: DecodeResult = end >= offset + MAX_LENGTH ? 'too-long' : 'more';
    const long = mode === CODE_MODE.LONG64;

    this.rep = 0;
    this.lock = false;
    this.operandOverride = false;
    let addressOverride = false;
    let segment = -1;
    let rex = 0;
    let opcode = 0;
    for (;;) {
      if (this.position >= this.end) return truncated;
      opcode = bytes[this.position++];
      const kind = PREFIX[opcode];
      if (kind === 0) break;
      if (kind === 0x40) {
        if (!long) break;
        rex = opcode;
        continue;
      }
      // A REX prefix counts only right before the opcode.
      rex = 0;
      if (kind === 1) this.operandOverride = true;
      else if (kind === 2) addressOverride = true;
      else if (kind === 3) this.rep = 1;
      else if (kind === 4) this.rep = 2;
      else if (kind === 5) this.lock = true;
      else {
        const number = kind - 8;
        // In 64-bit mode ES, CS, SS and DS overrides are ignored.
        if (!long || number >= SEG.FS) segment = number;
      }
    }

    let map = 0;
    if (opcode === 0x0f) {
      if (this.position >= this.end) return truncated;
      opcode = bytes[this.position++];
      map = 1;
      if (opcode === 0x38 || opcode === 0x3a) {
        map = opcode === 0x38 ? 2 : 3;
        if (this.position >= this.end) return truncated;
        opcode = bytes[this.position++];
      }
    }
    const prefixClass = this.rep !== 0 ? this.rep + 1 : this.operandOverride ? 1 : 0;
    const leaf = this.map.leaf(map, opcode, prefixClass, long ? 1 : 0);
    if (leaf === undefined) return 'undefined';
    let entry: Entry | undefined;
    if (Array.isArray(leaf)) {
      if (this.position >= this.end) return truncated;
      entry = leaf[bytes[this.position]];
    } else {
      entry = leaf as Entry;
    }
    if (entry === undefined) return 'undefined';
    this.entry = entry;
    const recipe = this.recipes[entry.index];

    const sizes = CODE_MODE_SIZE[mode];
    this.addressSize = addressOverride
      ? sizes.address === 64 || sizes.address === 16
        ? 32
        : 16
      : sizes.address;
    this.size = recipe.sized ? this.operandSize(recipe, long, rex, sizes.operand) : recipe.fixedSize;

    this.memory = recipe.memoryOffset;
    this.base = NO_REGISTER;
    this.index = NO_REGISTER;
    this.scale = 0;
    this.displacement = 0;
    this.secondImmediate = 0;
    this.segment = segment >= 0 ? segment : SEG.DS;
    this.regKind = recipe.vectorReg ? 'vector' : recipe.mmxReg ? 'mmx' : 'general';
    this.rmKind = recipe.vectorRm ? 'vector' : recipe.mmxRm ? 'mmx' : 'general';
    this.reg = 0;
    this.rm = 0;
    this.rexW = (rex & 8) !== 0;
    this.farPointer = false;
    let ripRelative = false;
    let modrm = 0;
    if (entry.hasModRm) {
      if (this.position >= this.end) return truncated;
      modrm = bytes[this.position++];
      this.reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
      if (recipe.lowReg) this.reg &= 7;
      else if (recipe.byteReg) this.reg = byteRegister(this.reg, rex);
      if (modrm >= 0xc0 || recipe.ignoresMod) {
        this.rm = (modrm & 7) | ((rex & 1) << 3);
        if (recipe.mmxRm) this.rm &= 7;
        else if (recipe.byteRm) this.rm = byteRegister(this.rm, rex);
      } else {
        this.memory = true;
        if (this.addressSize === 16) {
          if (!this.modRm16(modrm, segment)) return truncated;
        } else {
          if (!this.modRm32(modrm, rex, segment)) return truncated;
          ripRelative = long && (modrm & 0xc7) === 5;
        }
      }
    }
    if (recipe.opcodeRegister) {
      this.rm = (opcode & 7) | ((rex & 1) << 3);
      if (recipe.byteOpcodeRegister) this.rm = byteRegister(this.rm, rex);
    }
    if (recipe.accumulator) {
      // XCHG rAX,Zv has both; the accumulator then stands in for ModRM.reg.
      if (recipe.opcodeRegister) this.reg = 0;
      else this.rm = 0;
    }
    if (!this.readImmediates(recipe)) return truncated;
    // ST(i) and the last x87 opcode are made of the ModRM byte.
    if (recipe.x87) this.immediateLow = modrm;
    this.length = this.position - this.start;
    if (ripRelative) {
      this.base = RIP_BASE;
      this.displacement = (this.displacement + pageOffset + this.length) | 0;
    }
    if (this.lock && !(recipe.lock && this.memory)) return 'undefined';
    return 'ok';
  }

  private operandSize(recipe: Recipe, long: boolean, rex: number, standard: 16 | 32): Size {
    if (long) {
      if (recipe.f64 || (rex & 8) !== 0) return 64;
      if (this.operandOverride) return 16;
      return recipe.d64 ? 64 : 32;
    }
    return this.operandOverride ? (standard === 32 ? 16 : 32) : standard;
  }

  private readImmediates(recipe: Recipe): boolean {
    this.immediateLow = 0;
    this.immediateHigh = 0;
    if (recipe.memoryOffset) {
      if (!this.immediate(this.addressSize)) return false;
      if (this.addressSize < 64) {
        // An absolute offset is unsigned.
        if (this.addressSize === 16) this.immediateLow &= 0xffff;
        this.immediateHigh = 0;
      }
      return true;
    }
    for (let i = 0; i < recipe.immediates.length; i++) {
      const operand = recipe.immediates[i];
      const low = this.immediateLow;
      const high = this.immediateHigh;
      if (!this.immediate(immediateBits(operand, this.size))) return false;
      if (i > 0) {
        this.secondImmediate = this.immediateLow;
        this.immediateLow = low;
        this.immediateHigh = high;
      }
      if (operand.letter === 'A') {
        const [offset, offsetHigh] = [this.immediateLow, this.immediateHigh];
        if (!this.immediate(16)) return false;
        this.secondImmediate = this.immediateLow & 0xffff;
        this.farPointer = true;
        this.immediateLow = offset;
        this.immediateHigh = offsetHigh;
      }
    }
    return true;
  }

  /** Reads a little-endian immediate and sign-extends it to 64 bits. */
  private immediate(bits: number): boolean {
    const { bytes, position } = this;
    if (position + bits / 8 > this.end) return false;
    this.position += bits / 8;
    switch (bits) {
      case 8:
        this.immediateLow = (bytes[position] << 24) >> 24;
        break;
      case 16:
        this.immediateLow = ((bytes[position] | (bytes[position + 1] << 8)) << 16) >> 16;
        break;
      default:
        this.immediateLow = read32(bytes, position);
    }
    this.immediateHigh = bits === 64 ? read32(bytes, position + 4) : this.immediateLow >> 31;
    return true;
  }

  private modRm16(modrm: number, segment: number): boolean {
    const mod = modrm >> 6;
    const rm = modrm & 7;
    if (mod === 0 && rm === 6) return this.readDisplacement(16);
    [this.base, this.index] = ADDRESS_16[rm];
    if (segment < 0 && this.base === 5) this.segment = SEG.SS;
    return mod === 0 || this.readDisplacement(mod === 1 ? 8 : 16);
  }

  private modRm32(modrm: number, rex: number, segment: number): boolean {
    const mod = modrm >> 6;
    let rm = modrm & 7;
    let displacementBits = mod === 1 ? 8 : mod === 2 ? 32 : 0;
    if (rm === 4) {
      if (this.position >= this.end) return false;
      const sib = this.bytes[this.position++];
      const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (index !== 4) {
        this.index = index;
        this.scale = sib >> 6;
      }
      rm = sib & 7;
      if (rm === 5 && mod === 0) displacementBits = 32;
      else this.base = rm | ((rex & 1) << 3);
    } else if (rm === 5 && mod === 0) {
      displacementBits = 32;
    } else {
      this.base = rm | ((rex & 1) << 3);
    }
    if (segment < 0 && (this.base === 4 || this.base === 5)) this.segment = SEG.SS;
    return displacementBits === 0 || this.readDisplacement(displacementBits);
  }

  private readDisplacement(bits: number): boolean {
    if (!this.immediate(bits)) return false;
    this.displacement = this.immediateLow;
    return true;
  }
}

/** Base and index of 16-bit addressing by ModRM.rm (BX 3, BP 5, SI 6, DI 7). */
const ADDRESS_16: readonly (readonly [number, number])[] = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, NO_REGISTER],
  [7, NO_REGISTER],
  [5, NO_REGISTER],
  [3, NO_REGISTER],
];

/** Prefix bytes: 0 not a prefix, 1 66h, 2 67h, 3 F3h, 4 F2h, 5 F0h, 8 + segment number, 40h REX. */
const PREFIX = new Uint8Array(256);
PREFIX[0x66] = 1;
PREFIX[0x67] = 2;
PREFIX[0xf3] = 3;
PREFIX[0xf2] = 4;
PREFIX[0xf0] = 5;
PREFIX[0x26] = 8 + SEG.ES;
PREFIX[0x2e] = 8 + SEG.CS;
PREFIX[0x36] = 8 + SEG.SS;
PREFIX[0x3e] = 8 + SEG.DS;
PREFIX[0x64] = 8 + SEG.FS;
PREFIX[0x65] = 8 + SEG.GS;
PREFIX.fill(0x40, 0x40, 0x50);

/** Without REX the byte registers 4..7 are AH, CH, DH, BH. */
const byteRegister = (number: number, rex: number): number =>
  rex === 0 && number >= 4 && number < 8 ? number + 12 : number;

const read32 = (bytes: Uint8Array, at: number): number =>
  bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);

/** Bits fetched for an immediate or branch displacement. */
function immediateBits(operand: Operand, size: Size): number {
  switch (operand.width) {
    case 'bs':
    case 'b':
      return 8;
    case 'z':
      return Math.min(size, 32);
    case 'p':
      return Math.min(size, 32);
    default:
      return operandWidth(operand, size);
  }
}

function recipeOf({ row }: Entry): Recipe {
  const operands = parseOperands(row.operands);
  const rm = operands.find((o) => usesRm(o.letter));
  const reg = operands.find((o) => 'GVP'.includes(o.letter));
  const opcodeRegister = operands.find((o) => o.letter === 'Z');
  return {
    sized: isSized(row),
    fixedSize: fixedSize(row),
    d64: hasAttribute(row, 'd64'),
    f64: hasAttribute(row, 'f64'),
    lock: hasAttribute(row, 'lock'),
    byteReg: reg?.letter === 'G' && reg.width === 'b',
    byteRm: rm !== undefined && 'ER'.includes(rm.letter) && rm.width === 'b',
    byteOpcodeRegister: opcodeRegister?.width === 'b',
    opcodeRegister: opcodeRegister !== undefined,
    accumulator: operands.some((o) => o.letter === 'fixed'),
    immediates: operands.filter((o) => 'IJA'.includes(o.letter)),
    memoryOffset: operands.some((o) => o.letter === 'O'),
    vectorReg: reg?.letter === 'V',
    vectorRm: rm !== undefined && 'WU'.includes(rm.letter),
    mmxReg: reg?.letter === 'P',
    lowReg: reg?.letter === 'P' || operands.some((o) => o.letter === 'S'),
    ignoresMod: ignoresMod(operands),
    mmxRm: rm !== undefined && 'QN'.includes(rm.letter),
    x87: hasAttribute(row, 'fpu'),
  };
}
