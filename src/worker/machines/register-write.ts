import {
  CpuidFeature,
  Decoder,
  DecoderOptions,
  type Instruction,
  InstructionInfoFactory,
  Mnemonic,
  OpAccess,
  Register,
  RegisterExt,
  RflagsBits,
} from 'iced-x86';
import type { NamedRegister } from './named-register.ts';

/**
 * What an instruction does to a register when it is executed: `always` writes it, perhaps the value that it has;
 * `maybe` leaves that to a condition or to undefined flags; `no`.
 */
export type RegisterWrite = 'always' | 'maybe' | 'no';

const ALWAYS: ReadonlySet<number> = new Set([OpAccess.Write, OpAccess.ReadWrite]);
const MAYBE: ReadonlySet<number> = new Set([OpAccess.CondWrite, OpAccess.ReadCondWrite]);

/** Iced's flag bits by ours. */
const FLAG_BITS: readonly (readonly [ours: number, iced: number])[] = [
  [1 << 0, RflagsBits.CF],
  [1 << 2, RflagsBits.PF],
  [1 << 4, RflagsBits.AF],
  [1 << 6, RflagsBits.ZF],
  [1 << 7, RflagsBits.SF],
  [1 << 9, RflagsBits.IF],
  [1 << 10, RflagsBits.DF],
  [1 << 11, RflagsBits.OF],
  [1 << 18, RflagsBits.AC],
];

const KNOWN_FLAGS = FLAG_BITS.reduce((bits, [ours]) => bits | ours, 0);

/** Shifts and rotates by CL leave the flags alone where the count is 0. */
const BY_COUNT: ReadonlySet<number> = new Set([
  Mnemonic.Shl,
  Mnemonic.Sal,
  Mnemonic.Shr,
  Mnemonic.Sar,
  Mnemonic.Rol,
  Mnemonic.Ror,
  Mnemonic.Rcl,
  Mnemonic.Rcr,
  Mnemonic.Shld,
  Mnemonic.Shrd,
]);

const LOADS_CS = ['cs'];
const LOADS_CS_SS = ['cs', 'ss'];
const XMM = Array.from({ length: 16 }, (_, n) => `xmm${n}`);
/** Registers that are always written and that iced's tables leave out. */
const MORE: ReadonlyMap<number, readonly string[]> = new Map<number, readonly string[]>([
  [Mnemonic.Retf, LOADS_CS],
  [Mnemonic.Iret, LOADS_CS],
  [Mnemonic.Iretd, LOADS_CS],
  [Mnemonic.Iretq, LOADS_CS],
  [Mnemonic.Syscall, LOADS_CS_SS],
  [Mnemonic.Sysret, LOADS_CS_SS],
  [Mnemonic.Sysretq, LOADS_CS_SS],
  [Mnemonic.Sysenter, LOADS_CS_SS],
  [Mnemonic.Sysexit, LOADS_CS_SS],
  [Mnemonic.Sysexitq, LOADS_CS_SS],
  [Mnemonic.Lgdt, ['gdtr']],
  [Mnemonic.Lidt, ['idtr']],
  [Mnemonic.Lldt, ['ldtr']],
  [Mnemonic.Ltr, ['tr']],
  [Mnemonic.Swapgs, ['gs', 'ia32_kernel_gs_base']],
  [Mnemonic.Wrfsbase, ['fs']],
  [Mnemonic.Wrgsbase, ['gs']],
  [Mnemonic.Fxrstor, XMM],
  [Mnemonic.Fxrstor64, XMM],
]);

/** @param bytes of one instruction */
export function registerWrite(
  bytes: Uint8Array,
  bitness: 16 | 32 | 64,
  register: NamedRegister,
): RegisterWrite {
  if (register.name === 'rip') return 'always';
  const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  decoder.free();
  const write = writeOf(instruction, register);
  instruction.free();
  return write;
}

function writeOf(instruction: Instruction, register: NamedRegister): RegisterWrite {
  const { flags, float } = register;
  if (flags !== 0) return flagWrite(instruction, flags);
  if (float !== undefined) return FLOAT_WRITERS[float](instruction) ? 'maybe' : 'no';
  return ofIced(instruction, register);
}

/** Extensions whose instructions are those of the x87 and MMX registers. */
const X87: ReadonlySet<number> = new Set([
  CpuidFeature.FPU,
  CpuidFeature.FPU287,
  CpuidFeature.FPU387,
  CpuidFeature.MMX,
  CpuidFeature.FXSR,
]);
const SSE: ReadonlySet<number> = new Set([
  CpuidFeature.SSE,
  CpuidFeature.SSE2,
  CpuidFeature.SSE3,
  CpuidFeature.SSE4_1,
  CpuidFeature.FXSR,
]);

const isOf = (features: ReadonlySet<number>, instruction: Instruction): boolean =>
  instruction.cpuidFeatures().some((feature) => features.has(feature));

const hasMmx = (instruction: Instruction): boolean =>
  Array.from({ length: instruction.opCount }, (_, n) => instruction.opRegister(n)).some(
    (register) => register >= Register.MM0 && register <= Register.MM7,
  );

/** What may write them: they change their names, tags and flags in more ways than iced's tables tell. */
const FLOAT_WRITERS: Readonly<Record<'x87' | 'mxcsr', (instruction: Instruction) => boolean>> = {
  x87: (instruction) => isOf(X87, instruction) || hasMmx(instruction),
  mxcsr: (instruction) => isOf(SSE, instruction),
};

function flagWrite(instruction: Instruction, flags: number): RegisterWrite {
  const wanted = FLAG_BITS.reduce((bits, [ours, iced]) => ((flags & ours) !== 0 ? bits | iced : bits), 0);
  const { rflagsWritten, rflagsCleared, rflagsSet, rflagsModified, mnemonic } = instruction;
  const depends = BY_COUNT.has(mnemonic) || instruction.hasRepPrefix || instruction.hasRepnePrefix;
  if (((rflagsWritten | rflagsCleared | rflagsSet) & wanted) !== 0) return depends ? 'maybe' : 'always';
  // Bits that iced's tables leave out are written with AC, by POPF and its like.
  const others = (flags & ~KNOWN_FLAGS) !== 0 ? RflagsBits.AC : 0;
  return (rflagsModified & (wanted | others)) !== 0 ? 'maybe' : 'no';
}

function ofIced(instruction: Instruction, { name }: NamedRegister): RegisterWrite {
  if (MORE.get(instruction.mnemonic)?.includes(name) || isFarBranch(instruction, name)) return 'always';
  const number = (Register as unknown as Record<string, number | undefined>)[name.toUpperCase()];
  if (number === undefined) return 'no';
  const wanted = RegisterExt.fullRegister(number);
  const factory = new InstructionInfoFactory();
  const info = factory.info(instruction);
  let write: RegisterWrite = 'no';
  for (const used of info.usedRegisters()) {
    const { register, access } = used as { register: number; access: number };
    used.free();
    if (RegisterExt.fullRegister(register) !== wanted) continue;
    if (ALWAYS.has(access)) write = 'always';
    else if (MAYBE.has(access) && write === 'no') write = 'maybe';
  }
  info.free();
  factory.free();
  return write;
}

const isFarBranch = (instruction: Instruction, name: string): boolean =>
  name === 'cs' &&
  (instruction.isJmpFar ||
    instruction.isJmpFarIndirect ||
    instruction.isCallFar ||
    instruction.isCallFarIndirect);
