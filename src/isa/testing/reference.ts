/**
 * The reference that the decoder is compared with: iced-x86, and a common notation for operands in
 * which both can be written.
 *
 *   EAX, XMM3, CS             a register
 *   [DS:EAX+ECX*4+10] /4      memory: address size by its registers, or a16/a32/a64; /bytes, when it has a size
 *   #ff                       an immediate, masked to the size it is extended to
 *   >5abc                     a near branch's target        8:1234  a far pointer
 *   string16 DS               a string instruction's memory: address size and segment; XLAT's too
 */
import {
  type Code,
  CodeSize,
  CpuidFeature,
  DecoderOptions,
  Decoder as IcedDecoder,
  type Instruction as IcedInstruction,
  Instruction as IcedInstructionObject,
  MemorySizeExt,
  Mnemonic,
  OpKind,
  Register,
} from 'iced-x86';

/** What this processor decodes, in iced's names: no VEX or EVEX, nothing after SSE4.2 but a few system instructions. */
const FEATURES = new Set<string>(
  `INTEL8086 INTEL186 INTEL286 INTEL386 INTEL486 X64 CMOV CMPXCHG16B CPUID CX8 CLFSH FPU FPU287 FPU387 FXSR FSGSBASE
  INVEPT INVPCID INVVPID MMX MSR MULTIBYTENOP PAUSE POPCNT RDPMC RDTSCP SEP SKINIT_or_SVM SMAP SMM SSE SSE2 SSE3 SSE4_1 SSE4_2
  SSSE3 SVM SYSCALL TSC VMX`.split(/\s+/),
);

/**
 * Intel's decoding (near branches ignore 66h in 64-bit mode, far pointers have 64-bit forms, UD0 has a ModRM
 * byte, no LOCK MOV CR8), and encodings of features that this processor lacks as the older instructions
 * that they are on it.
 */
const OPTIONS =
  DecoderOptions.ForceReservedNop |
  DecoderOptions.NoMPFX_0FBC |
  DecoderOptions.NoMPFX_0FBD |
  DecoderOptions.NoWbnoinvd;

export type Bits = 16 | 32 | 64;

export interface ReferenceInstruction {
  readonly mnemonic: string;
  readonly length: number;
  /** False: an instruction of a feature that this processor does not have. */
  readonly known: boolean;
  readonly operands: readonly string[];
  /** 16, 32 or 64 when the encoding belongs to one operand size, else 0. */
  readonly operandSize: number;
  readonly lock: boolean;
  /** 0 none, 1 REP/REPE, 2 REPNE. */
  readonly rep: number;
}

/** Bytes of one block of code; longer than any instruction. */
export const BLOCK = 16;
/** Where every block is said to lie. */
export const CODE_ADDRESS = 0x5abc;

const operandSizes = new Map<Code, number>();

export class Reference {
  private readonly decoder: IcedDecoder;
  private readonly instruction = new IcedInstructionObject();

  /** @param code is copied */
  constructor(bits: Bits, code: Uint8Array) {
    this.decoder = new IcedDecoder(bits, code, OPTIONS);
  }

  free(): void {
    this.decoder.free();
    this.instruction.free();
  }

  /** The instruction at `position`; undefined when the bytes are none. */
  decode(position: number): ReferenceInstruction | undefined {
    const { decoder, instruction } = this;
    decoder.position = position;
    decoder.ip = BigInt(CODE_ADDRESS);
    decoder.decodeOut(instruction);
    if (instruction.isInvalid) return undefined;
    const operands: string[] = [];
    for (let n = 0; n < instruction.opCount; n++) operands.push(operandText(instruction, n));
    return {
      mnemonic: Mnemonic[instruction.mnemonic].toUpperCase(),
      length: instruction.length,
      // iced counts SKINIT to SVM as well.
      known:
        instruction.mnemonic !== Mnemonic.Skinit &&
        [...instruction.cpuidFeatures()].every((f) => FEATURES.has(CpuidFeature[f])),
      operands,
      operandSize: this.operandSize(),
      lock: instruction.hasLockPrefix,
      rep: instruction.hasRepPrefix ? 1 : instruction.hasRepnePrefix ? 2 : 0,
    };
  }

  private operandSize(): number {
    const { code } = this.instruction;
    let size = operandSizes.get(code);
    if (size === undefined) {
      const info = this.instruction.opCode;
      size = info.operandSize;
      info.free();
      operandSizes.set(code, size);
    }
    return size;
  }
}

const hex = (value: bigint): string => value.toString(16);
const registerText = (register: Register): string => Register[register].toUpperCase();

/** Bits that an immediate of each kind is extended to. */
const IMMEDIATE_BITS: Partial<Record<OpKind, number>> = {
  [OpKind.Immediate8]: 8,
  [OpKind.Immediate8_2nd]: 8,
  [OpKind.Immediate16]: 16,
  [OpKind.Immediate32]: 32,
  [OpKind.Immediate64]: 64,
  [OpKind.Immediate8to16]: 16,
  [OpKind.Immediate8to32]: 32,
  [OpKind.Immediate8to64]: 64,
  [OpKind.Immediate32to64]: 64,
};

const STRING_ADDRESS_BITS: Partial<Record<OpKind, number>> = {
  [OpKind.MemorySegSI]: 16,
  [OpKind.MemorySegDI]: 16,
  [OpKind.MemoryESDI]: 16,
  [OpKind.MemorySegESI]: 32,
  [OpKind.MemorySegEDI]: 32,
  [OpKind.MemoryESEDI]: 32,
  [OpKind.MemorySegRSI]: 64,
  [OpKind.MemorySegRDI]: 64,
  [OpKind.MemoryESRDI]: 64,
};

function operandText(i: IcedInstruction, n: number): string {
  const kind = i.opKind(n);
  switch (kind) {
    case OpKind.Register:
      return registerText(i.opRegister(n));
    case OpKind.NearBranch16:
    case OpKind.NearBranch32:
    case OpKind.NearBranch64:
      return `>${hex(i.nearBranchTarget)}`;
    case OpKind.FarBranch16:
      return `${i.farBranchSelector.toString(16)}:${i.farBranch16.toString(16)}`;
    case OpKind.FarBranch32:
      return `${i.farBranchSelector.toString(16)}:${i.farBranch32.toString(16)}`;
    case OpKind.Memory:
      return memoryText(i);
  }
  const bits = IMMEDIATE_BITS[kind];
  if (bits !== undefined) return `#${hex(BigInt.asUintN(bits, i.immediate(n)))}`;
  const segment = kind >= OpKind.MemoryESDI ? 'ES' : segmentOf(i);
  return `string${STRING_ADDRESS_BITS[kind]} ${segment}`;
}

const addressBits = (i: IcedInstruction): number => {
  const register = i.memoryBase !== Register.None ? i.memoryBase : i.memoryIndex;
  if (register === Register.None) return 8 * i.memoryDisplSize;
  const name = registerText(register);
  if (/^(R[A-Z]+|R\d+)$/.test(name)) return 64;
  return /^(E[A-Z]+|R\d+D)$/.test(name) ? 32 : 16;
};

/** In 64-bit mode iced shows overrides that are ignored. */
function segmentOf(i: IcedInstruction): string {
  const ignored =
    i.codeSize === CodeSize.Code64 && i.segmentPrefix !== Register.None && i.segmentPrefix < Register.FS;
  if (!ignored) return registerText(i.memorySegment);
  return /^[RE][SB]P$/.test(registerText(i.memoryBase)) ? 'SS' : 'DS';
}

function memoryText(i: IcedInstruction): string {
  const bits = addressBits(i);
  if (i.memoryIndex === Register.AL) return `string${bits} ${segmentOf(i)}`;
  const ipRelative = i.isIpRelMemoryOperand;
  return formatMemory({
    segment: segmentOf(i),
    base: i.memoryBase === Register.None ? '' : registerText(i.memoryBase),
    index: i.memoryIndex === Register.None ? '' : registerText(i.memoryIndex),
    scale: i.memoryIndexScale,
    displacement: BigInt.asUintN(bits, ipRelative ? i.ipRelMemoryAddress : i.memoryDisplacement),
    bits,
    bytes: MemorySizeExt.size(i.memorySize),
  });
}

export interface MemoryParts {
  readonly segment: string;
  readonly base: string;
  readonly index: string;
  readonly scale: number;
  /** Masked to `bits`. */
  readonly displacement: bigint;
  readonly bits: number;
  /** 0: no size. */
  readonly bytes: number;
}

export function formatMemory(m: MemoryParts): string {
  const index = m.index === '' ? '' : `+${m.index}*${m.scale}`;
  return `[${m.segment}:${m.base}${index}+${hex(m.displacement)} a${m.bits}]/${m.bytes}`;
}
