/** Turns an encoding with its operands into bytes, by iced's encoder. */
import { Encoder, Instruction, OpCodeOperandKind as K, OpKind, Register } from 'iced-x86';
import { type EncodeContext, setMemory } from './encode-memory.ts';
import type { Encoding, Pattern } from './encodings.ts';
import { fitsIn } from './match.ts';
import type { Operand } from './operands.ts';
import { type Bits, SourceError } from './types.ts';
import { resolve } from './value.ts';

const encoders = new Map<Bits, Encoder>();

function encoderFor(bits: Bits): Encoder {
  let encoder = encoders.get(bits);
  if (encoder === undefined) {
    encoder = new Encoder(bits);
    encoders.set(bits, encoder);
  }
  return encoder;
}

type SetImmediate = (instruction: Instruction, n: bigint) => void;

const IMMEDIATES: ReadonlyMap<K, readonly [OpKind, SetImmediate]> = new Map<
  K,
  readonly [OpKind, SetImmediate]
>([
  [
    K.imm8,
    [
      OpKind.Immediate8,
      (i, n) => {
        i.immediate8 = Number(BigInt.asUintN(8, n));
      },
    ],
  ],
  [
    K.imm8_const_1,
    [
      OpKind.Immediate8,
      (i) => {
        i.immediate8 = 1;
      },
    ],
  ],
  [
    K.imm8sex16,
    [
      OpKind.Immediate8to16,
      (i, n) => {
        i.immediate8to16 = Number(BigInt.asIntN(8, n));
      },
    ],
  ],
  [
    K.imm8sex32,
    [
      OpKind.Immediate8to32,
      (i, n) => {
        i.immediate8to32 = Number(BigInt.asIntN(8, n));
      },
    ],
  ],
  [
    K.imm8sex64,
    [
      OpKind.Immediate8to64,
      (i, n) => {
        i.immediate8to64 = BigInt.asIntN(8, n);
      },
    ],
  ],
  [
    K.imm16,
    [
      OpKind.Immediate16,
      (i, n) => {
        i.immediate16 = Number(BigInt.asUintN(16, n));
      },
    ],
  ],
  [
    K.imm32,
    [
      OpKind.Immediate32,
      (i, n) => {
        i.immediate32 = Number(BigInt.asUintN(32, n));
      },
    ],
  ],
  [
    K.imm32sex64,
    [
      OpKind.Immediate32to64,
      (i, n) => {
        i.immediate32to64 = BigInt.asIntN(32, n);
      },
    ],
  ],
  [
    K.imm64,
    [
      OpKind.Immediate64,
      (i, n) => {
        i.immediate64 = BigInt.asUintN(64, n);
      },
    ],
  ],
]);

/** Memory operands that string instructions imply, by address size. */
const IMPLICIT: ReadonlyMap<K, Readonly<Record<number, OpKind>>> = new Map<
  K,
  Readonly<Record<number, OpKind>>
>([
  [K.seg_rSI, { 16: OpKind.MemorySegSI, 32: OpKind.MemorySegESI, 64: OpKind.MemorySegRSI }],
  [K.es_rDI, { 16: OpKind.MemoryESDI, 32: OpKind.MemoryESEDI, 64: OpKind.MemoryESRDI }],
  [K.seg_rDI, { 16: OpKind.MemorySegDI, 32: OpKind.MemorySegEDI, 64: OpKind.MemorySegRDI }],
]);
const BX_AL: Readonly<Record<number, Register>> = { 16: Register.BX, 32: Register.EBX, 64: Register.RBX };

function setImplicit(instruction: Instruction, i: number, kind: K, addressSize: number): void {
  const opKind = IMPLICIT.get(kind)?.[addressSize];
  if (opKind !== undefined) {
    instruction.setOpKind(i, opKind);
    return;
  }
  instruction.setOpKind(i, OpKind.Memory);
  instruction.memoryBase = BX_AL[addressSize];
  instruction.memoryIndex = Register.AL;
  instruction.memoryIndexScale = 1;
}

const BRANCH_KINDS: Readonly<Record<number, OpKind>> = {
  16: OpKind.NearBranch16,
  32: OpKind.NearBranch32,
  64: OpKind.NearBranch64,
};

function setBranch(instruction: Instruction, i: number, bits: number, target: bigint): void {
  instruction.setOpKind(i, BRANCH_KINDS[bits]);
  if (bits === 16) instruction.nearBranch16 = Number(BigInt.asUintN(16, target));
  else if (bits === 32) instruction.nearBranch32 = Number(BigInt.asUintN(32, target));
  else instruction.nearBranch64 = BigInt.asUintN(64, target);
}

function setOperand(
  instruction: Instruction,
  i: number,
  o: Operand,
  pattern: Pattern,
  context: EncodeContext,
): void {
  switch (o.kind) {
    case 'register':
      instruction.setOpKind(i, OpKind.Register);
      instruction.setOpRegister(i, o.register.iced);
      return;
    case 'memory':
      setMemory(instruction, i, o, pattern, context);
      return;
    case 'immediate': {
      const n = resolve(o.value);
      if (pattern.branch) {
        // Not known yet: assume that it is near by.
        setBranch(instruction, i, pattern.branch.bits, o.value.unknown ? context.address : n);
        return;
      }
      const [kind, set] = IMMEDIATES.get(pattern.kind) as readonly [OpKind, SetImmediate];
      const second =
        i > 0 &&
        kind === OpKind.Immediate8 &&
        instruction.opKind(i - 1) !== OpKind.Register &&
        instruction.opKind(i - 1) !== OpKind.Memory;
      instruction.setOpKind(i, second ? OpKind.Immediate8_2nd : kind);
      if (second) instruction.immediate8_2nd = Number(BigInt.asUintN(8, n));
      else set(instruction, n);
      return;
    }
    case 'far': {
      const offset = resolve(o.offset);
      const selector = resolve(o.selector);
      if (!fitsIn(offset, pattern.far as number) && !o.offset.unknown)
        throw new SourceError(
          `the offset 0x${offset.toString(16)} does not fit in ${8 * (pattern.far as number)} bits`,
        );
      if (!fitsIn(selector, 2))
        throw new SourceError(`the selector 0x${selector.toString(16)} does not fit in 16 bits`);
      instruction.setOpKind(i, pattern.far === 2 ? OpKind.FarBranch16 : OpKind.FarBranch32);
      if (pattern.far === 2) instruction.farBranch16 = Number(BigInt.asUintN(16, offset));
      else instruction.farBranch32 = Number(BigInt.asUintN(32, offset));
      instruction.farBranchSelector = Number(BigInt.asUintN(16, selector));
      return;
    }
  }
}

/**
 * Bytes of the instruction, without LOCK and REP prefixes; undefined when a short branch does not reach.
 * Throws SourceError for operands that no form of the encoding can hold.
 */
export function encode(
  encoding: Encoding,
  operands: readonly Operand[],
  context: EncodeContext,
): Uint8Array | undefined {
  const encoder = encoderFor(context.bits);
  const instruction = new Instruction();
  try {
    instruction.code = encoding.code;
    let written = 0;
    const hiddenRegisters = encoding.written.length === 0;
    encoding.patterns.forEach((pattern, i) => {
      if (pattern.implicit) setImplicit(instruction, i, pattern.kind, context.addressSize ?? context.bits);
      else if (hiddenRegisters && pattern.fixed) {
        instruction.setOpKind(i, OpKind.Register);
        instruction.setOpRegister(
          i,
          Register[pattern.fixed.toUpperCase() as keyof typeof Register] as Register,
        );
      } else setOperand(instruction, i, operands[written++], pattern, context);
    });
    if (context.segment !== Register.None) instruction.segmentPrefix = context.segment;
    const address = context.bits === 64 ? context.address : BigInt.asUintN(context.bits, context.address);
    encoder.encode(instruction, address);
    return encoder.takeBuffer();
  } catch (error) {
    encoder.takeBuffer();
    if (error instanceof SourceError) throw error;
    if (encoding.patterns.some((p) => p.branch?.bytes === 1)) return undefined;
    throw new SourceError(explain(String(error), operands));
  } finally {
    instruction.free();
  }
}

function explain(reason: string, operands: readonly Operand[]): string {
  if (operands.some((o) => o.kind === 'register' && /^[abcd]h$/.test(o.register.name))) {
    return 'AH, BH, CH and DH cannot be used in an instruction with a REX prefix';
  }
  return `the instruction cannot be encoded: ${reason.replace(/^Error: /, '')}`;
}
