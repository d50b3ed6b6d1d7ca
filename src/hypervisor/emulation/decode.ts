/**
 * Decoder for the instructions that compilers and kernels use on memory-mapped registers: moves,
 * two-operand arithmetic, TEST, XCHG, and the string moves and stores. SDM volume 2, "Instruction
 * Format".
 */

export type CodeBits = 16 | 32 | 64;

/** The memory operand is always what faulted; where it is comes from the exit. */
export interface Operation {
  readonly kind: /** register or immediate to memory */
    | 'store'
    /** memory to register, zero- or sign-extended */
    | 'load'
    /** memory op= register or immediate */
    | 'modify'
    /** register op= memory */
    | 'combine'
    /** flags of memory op register or immediate */
    | 'compare'
    | 'exchange'
    /** INC, DEC, NOT, NEG of memory */
    | 'unary'
    | 'stos'
    | 'lods'
    | 'movs';
  /** Bytes of the memory operand. */
  readonly bytes: 1 | 2 | 4 | 8;
  /** Bytes of the register operand (differs for MOVZX, MOVSX, MOVSXD). */
  readonly registerBytes: 1 | 2 | 4 | 8;
  readonly signExtend: boolean;
  /** Register operand; numbers 16 to 19 are AH CH DH BH. -1: the immediate. */
  readonly register: number;
  /** Sign-extended, as u32 halves. */
  readonly immediate: { readonly lo: number; readonly hi: number };
  /** `modify`, `combine`, `compare`: ADD OR ADC SBB AND SUB XOR CMP TEST; `unary`: INC DEC NOT NEG. */
  readonly operator: Operator;
  readonly rep: boolean;
  readonly addressBits: CodeBits;
  /** Segment override (ES CS SS DS FS GS), -1: none. */
  readonly segment: number;
  /** Bytes of the instruction. */
  readonly length: number;
}

const ALU = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'] as const;
const UNARY = ['inc', 'dec', 'not', 'neg'] as const;
export type Operator = (typeof ALU)[number] | (typeof UNARY)[number] | 'test' | 'none';

const SEGMENT_PREFIXES: Readonly<Record<number, number>> = { 38: 0, 46: 1, 54: 2, 62: 3, 100: 4, 101: 5 };

/** Reads the bytes of one instruction. */
class Reader {
  position = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  u8(): number {
    return this.bytes[this.position++] ?? 0;
  }

  /** A signed immediate of 1, 2 or 4 bytes. */
  signed(bytes: number): number {
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= this.u8() << (8 * i);
    return bytes === 4 ? value : (value << (32 - 8 * bytes)) >> (32 - 8 * bytes);
  }

  skip(bytes: number): void {
    this.position += bytes;
  }

  get complete(): boolean {
    return this.position <= this.bytes.length;
  }
}

interface Prefixes {
  operandSize: boolean;
  addressSize: boolean;
  rep: boolean;
  segment: number;
  rex: number;
}

interface ModRm {
  readonly mod: number;
  readonly reg: number;
}

type Size = 1 | 2 | 4 | 8;

/** Undefined: an instruction that the emulator does not know, or one without a memory operand. */
export function decode(bytes: Uint8Array, bits: CodeBits): Operation | undefined {
  const r = new Reader(bytes);
  const p = prefixes(r, bits);
  const addressBits = addressSize(bits, p.addressSize);
  const opcode = p.next;
  const wide: Size = p.rex & 8 ? 8 : (bits === 16) !== p.operandSize ? 2 : 4;
  const make = (o: Partial<Operation> & Pick<Operation, 'kind' | 'bytes'>): Operation | undefined =>
    r.complete
      ? {
          registerBytes: o.bytes,
          signExtend: false,
          register: -1,
          immediate: { lo: 0, hi: 0 },
          operator: 'none',
          rep: p.rep,
          addressBits,
          segment: p.segment,
          length: r.position,
          ...o,
        }
      : undefined;
  const modRm = (): ModRm => readModRm(r, addressBits, p.rex);
  const register = (reg: number, size: Size): number =>
    size === 1 && p.rex === 0 && reg >= 4 ? reg + 12 : reg;
  const immediate = (size: Size): Operation['immediate'] => {
    const lo = r.signed(Math.min(size, 4));
    return { lo: lo >>> 0, hi: (lo >> 31) >>> 0 };
  };

  if (opcode === 0x0f) return twoByte(r.u8(), make, modRm, wide);
  const size: Size = opcode & 1 ? wide : 1;
  if (opcode < 0x40 && (opcode & 7) < 4) {
    const { mod, reg } = modRm();
    if (mod === 3) return undefined;
    const operator = ALU[opcode >> 3];
    const toRegister = (opcode & 2) !== 0;
    const kind = operator === 'cmp' ? 'compare' : toRegister ? 'combine' : 'modify';
    // CMP register, memory compares the other way around: `combine` without a result.
    if (operator === 'cmp' && toRegister) {
      return make({ kind: 'combine', bytes: size, operator, register: register(reg, size) });
    }
    return make({ kind, bytes: size, operator, register: register(reg, size) });
  }
  switch (opcode) {
    case 0x63: {
      const { mod, reg } = modRm();
      if (bits !== 64 || mod === 3) return undefined;
      return make({ kind: 'load', bytes: 4, registerBytes: wide, signExtend: true, register: reg });
    }
    case 0x80:
    case 0x81:
    case 0x83: {
      const { mod, reg } = modRm();
      if (mod === 3) return undefined;
      const value = immediate(opcode === 0x81 ? size : 1);
      const operator = ALU[reg & 7];
      return make({
        kind: operator === 'cmp' ? 'compare' : 'modify',
        bytes: size,
        operator,
        immediate: value,
      });
    }
    case 0x84:
    case 0x85:
    case 0x86:
    case 0x87: {
      const { mod, reg } = modRm();
      if (mod === 3) return undefined;
      const test = opcode < 0x86;
      return make({
        kind: test ? 'compare' : 'exchange',
        bytes: size,
        operator: test ? 'test' : 'none',
        register: register(reg, size),
      });
    }
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b: {
      const { mod, reg } = modRm();
      if (mod === 3) return undefined;
      return make({ kind: opcode & 2 ? 'load' : 'store', bytes: size, register: register(reg, size) });
    }
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
      r.skip(addressBits / 8);
      return make({ kind: opcode & 2 ? 'store' : 'load', bytes: size, register: 0 });
    case 0xa4:
    case 0xa5:
      return make({ kind: 'movs', bytes: size });
    case 0xaa:
    case 0xab:
      return make({ kind: 'stos', bytes: size, register: 0 });
    case 0xac:
    case 0xad:
      return make({ kind: 'lods', bytes: size, register: 0 });
    case 0xc6:
    case 0xc7: {
      const { mod, reg } = modRm();
      if (mod === 3 || (reg & 7) !== 0) return undefined;
      return make({ kind: 'store', bytes: size, immediate: immediate(size) });
    }
    case 0xf6:
    case 0xf7: {
      const { mod, reg } = modRm();
      if (mod === 3 || (reg & 7) > 3) return undefined;
      if ((reg & 7) < 2)
        return make({ kind: 'compare', bytes: size, operator: 'test', immediate: immediate(size) });
      return make({ kind: 'unary', bytes: size, operator: (reg & 7) === 2 ? 'not' : 'neg' });
    }
    case 0xfe:
    case 0xff: {
      const { mod, reg } = modRm();
      if (mod === 3 || (reg & 7) > 1) return undefined;
      return make({ kind: 'unary', bytes: size, operator: UNARY[reg & 7] });
    }
    default:
      return undefined;
  }
}

function twoByte(
  opcode: number,
  make: (o: Partial<Operation> & Pick<Operation, 'kind' | 'bytes'>) => Operation | undefined,
  modRm: () => ModRm,
  wide: Size,
): Operation | undefined {
  if (opcode !== 0xb6 && opcode !== 0xb7 && opcode !== 0xbe && opcode !== 0xbf) return undefined;
  const { mod, reg } = modRm();
  if (mod === 3) return undefined;
  const bytes = opcode & 1 ? 2 : 1;
  return make({ kind: 'load', bytes, registerBytes: wide, signExtend: opcode >= 0xbe, register: reg });
}

function prefixes(r: Reader, bits: CodeBits): Prefixes & { next: number } {
  const p = { operandSize: false, addressSize: false, rep: false, segment: -1, rex: 0 };
  for (;;) {
    const byte = r.u8();
    if (byte === 0x66) p.operandSize = true;
    else if (byte === 0x67) p.addressSize = true;
    else if (byte === 0xf2 || byte === 0xf3) p.rep = true;
    else if (byte in SEGMENT_PREFIXES) p.segment = SEGMENT_PREFIXES[byte];
    else if (bits === 64 && (byte & 0xf0) === 0x40) {
      // A REX prefix counts only right before the opcode.
      p.rex = byte;
      const next = r.u8();
      return { ...p, next };
    } else if (byte !== 0xf0) return { ...p, next: byte };
  }
}

const addressSize = (bits: CodeBits, override: boolean): CodeBits => {
  if (!override) return bits;
  return bits === 32 ? 16 : 32;
};

/** Skips ModRM, SIB and displacement: where the operand is, the exit says. */
function readModRm(r: Reader, addressBits: CodeBits, rex: number): ModRm {
  const byte = r.u8();
  const mod = byte >> 6;
  const rm = byte & 7;
  const reg = ((byte >> 3) & 7) | ((rex & 4) << 1);
  if (mod === 3) return { mod, reg };
  if (addressBits === 16) {
    r.skip(mod === 1 ? 1 : mod === 2 || rm === 6 ? 2 : 0);
    return { mod, reg };
  }
  const base = rm === 4 ? r.u8() & 7 : rm;
  r.skip(mod === 1 ? 1 : mod === 2 || (base === 5 && mod === 0) ? 4 : 0);
  return { mod, reg };
}
