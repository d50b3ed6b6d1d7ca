/**
 * The table of encodings, built once from iced's description of every opcode (`OpCodeInfo`):
 * for each mnemonic the candidates in the order of the opcode map, with their operand patterns.
 */
import { Code, CodeExt, EncodingKind, OpCodeOperandKind as K, MemorySizeExt, Mnemonic } from 'iced-x86';
import type { RegisterClass } from './registers.ts';

/** What may stand for one operand of an encoding. Sizes are in bytes. */
export interface Pattern {
  readonly kind: K;
  /** Any register of this class and size ... */
  readonly register?: { readonly class: RegisterClass; readonly size: number };
  /** ... or this one only. */
  readonly fixed?: string;
  /** An effective address. */
  readonly memory?: true;
  /** An address without registers that is stored in full (`A0`..`A3`). */
  readonly offset?: true;
  /** An immediate of `bytes`, sign-extended to `extends`. */
  readonly immediate?: { readonly bytes: number; readonly extends: number };
  /** The number 1, not stored. */
  readonly one?: true;
  /** Relative branch: operand size and displacement size. */
  readonly branch?: { readonly bits: number; readonly bytes: number };
  /** Far pointer with an offset of so many bytes. */
  readonly far?: number;
  /** Not written in the source: the memory operand of a string instruction. */
  readonly implicit?: true;
}

const general = (size: number) => ({ register: { class: 'general' as const, size } });
const register = (cls: RegisterClass, size: number) => ({ register: { class: cls, size } });
const immediate = (bytes: number, to = bytes) => ({ immediate: { bytes, extends: to } });
const branch = (bits: number, bytes: number) => ({ branch: { bits, bytes } });
const memory = { memory: true } as const;
const implicit = { implicit: true } as const;

const PATTERNS: ReadonlyMap<K, Omit<Pattern, 'kind'>> = new Map<K, Omit<Pattern, 'kind'>>([
  [K.farbr2_2, { far: 2 }],
  [K.farbr4_2, { far: 4 }],
  [K.mem_offs, { offset: true }],
  [K.mem, memory],
  [K.r8_or_mem, { ...general(1), ...memory }],
  [K.r16_or_mem, { ...general(2), ...memory }],
  [K.r32_or_mem, { ...general(4), ...memory }],
  [K.r64_or_mem, { ...general(8), ...memory }],
  [K.mm_or_mem, { ...register('mmx', 8), ...memory }],
  [K.xmm_or_mem, { ...register('xmm', 16), ...memory }],
  [K.r8_reg, general(1)],
  [K.r8_opcode, general(1)],
  [K.r16_reg, general(2)],
  [K.r16_rm, general(2)],
  [K.r16_opcode, general(2)],
  [K.r32_reg, general(4)],
  [K.r32_rm, general(4)],
  [K.r32_opcode, general(4)],
  [K.r64_reg, general(8)],
  [K.r64_rm, general(8)],
  [K.r64_opcode, general(8)],
  [K.seg_reg, register('segment', 2)],
  [K.mm_reg, register('mmx', 8)],
  [K.mm_rm, register('mmx', 8)],
  [K.xmm_reg, register('xmm', 16)],
  [K.xmm_rm, register('xmm', 16)],
  [K.cr_reg, register('control', 8)],
  [K.dr_reg, register('debug', 8)],
  [K.sti_opcode, register('x87', 10)],
  ...(['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'al', 'cl', 'ax', 'dx', 'eax', 'rax', 'st0'] as const).map(
    (name): [K, Omit<Pattern, 'kind'>] => [K[name], { fixed: name }],
  ),
  [K.imm8_const_1, { one: true }],
  [K.imm8, immediate(1)],
  [K.imm8sex16, immediate(1, 2)],
  [K.imm8sex32, immediate(1, 4)],
  [K.imm8sex64, immediate(1, 8)],
  [K.imm16, immediate(2)],
  [K.imm32, immediate(4)],
  [K.imm32sex64, immediate(4, 8)],
  [K.imm64, immediate(8)],
  [K.seg_rSI, implicit],
  [K.es_rDI, implicit],
  [K.seg_rDI, implicit],
  [K.seg_rBX_al, implicit],
  [K.br16_1, branch(16, 1)],
  [K.br32_1, branch(32, 1)],
  [K.br64_1, branch(64, 1)],
  [K.br16_2, branch(16, 2)],
  [K.br32_4, branch(32, 4)],
  [K.br64_4, branch(64, 4)],
]);

export interface Encoding {
  readonly code: Code;
  readonly name: string;
  readonly patterns: readonly Pattern[];
  /** The patterns that the source spells out. */
  readonly written: readonly Pattern[];
  /** Bytes of the memory operand; 0 when a size keyword says nothing about it. */
  readonly memoryBytes: number;
  /** The memory operand is a far pointer with an offset of so many bytes. */
  readonly farBytes: number;
  /** 16, 32 or 64 when the encoding belongs to one operand or address size, else 0. */
  readonly operandSize: number;
  readonly addressSize: number;
  readonly modes: Readonly<Record<16 | 32 | 64, boolean>>;
}

const SCALAR_SIZES = new Set([1, 2, 4, 8, 10, 16]);
const FAR_POINTER = /^[A-Z][a-z]+_m16(16|32|64)$/;
/** String instructions whose register operands are not written either. */
const STRING = /^(ins|outs|lods|stos|scas|movs|cmps)[bwdq]$|^xlatb$/;

function infoOf(code: Code): { mnemonic: string; encoding: Encoding } | undefined {
  const info = CodeExt.opCode(code);
  try {
    if (info.encoding !== EncodingKind.Legacy || !info.isInstruction || info.decoderOption !== 0)
      return undefined;
    const mnemonic = Mnemonic[info.mnemonic].toLowerCase();
    const patterns: Pattern[] = [];
    for (let i = 0; i < info.opCount; i++) {
      const kind = info.opKind(i);
      const pattern = PATTERNS.get(kind);
      if (pattern === undefined) return undefined;
      patterns.push({ kind, ...pattern });
    }
    const hidden = patterns.some((p) => p.implicit) && STRING.test(mnemonic);
    const bytes = MemorySizeExt.size(info.memorySize);
    const far = /^(jmp|call)$/.test(mnemonic) ? FAR_POINTER.exec(Code[code]) : null;
    const encoding: Encoding = {
      code,
      name: Code[code],
      patterns,
      written: patterns.filter((p) => !p.implicit && !hidden),
      memoryBytes: SCALAR_SIZES.has(bytes) ? bytes : 0,
      farBytes: far ? Number(far[1]) / 8 : 0,
      operandSize: info.operandSize,
      addressSize: info.addressSize,
      modes: {
        16: info.isAvailableInMode(16),
        32: info.isAvailableInMode(32),
        64: info.isAvailableInMode(64),
      },
    };
    return { mnemonic, encoding };
  } finally {
    info.free();
  }
}

let table: ReadonlyMap<string, readonly Encoding[]> | undefined;

function build(): ReadonlyMap<string, readonly Encoding[]> {
  const result = new Map<string, Encoding[]>();
  const count = Object.keys(Code).length / 2;
  for (let code = 0; code < count; code++) {
    const row = infoOf(code as Code);
    if (row === undefined) continue;
    const rows = result.get(row.mnemonic);
    if (rows) rows.push(row.encoding);
    else result.set(row.mnemonic, [row.encoding]);
  }
  return result;
}

/** Encodings of a mnemonic in iced's spelling. The table is made at the first call. */
export function encodingsOf(mnemonic: string): readonly Encoding[] | undefined {
  table ??= build();
  return table.get(mnemonic);
}

export function knownMnemonics(): Iterable<string> {
  table ??= build();
  return table.keys();
}
