import {
  Decoder,
  DecoderOptions,
  InstructionInfoFactory,
  OpAccess,
  Register,
  RegisterExt,
  RflagsBits,
} from 'iced-x86';
import { SEG } from '../../arch/registers.ts';
import type { PhysicalMemory } from '../../contracts/memory.ts';
import { modeOf } from '../views/modes.ts';
import type { VcpuAccess } from './lab-machine.ts';
import { linearReader } from './linear-memory.ts';

const LONGEST_INSTRUCTION = 15;
const FLAGS = new Set(['rflags', 'eflags', 'flags']);
const WRITES: ReadonlySet<number> = new Set([
  OpAccess.Write,
  OpAccess.CondWrite,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);

/** The whole register that a name stands for, as iced numbers it; undefined: there is no such register. */
function registerNamed(name: string): number | undefined {
  const number = (Register as unknown as Record<string, number | undefined>)[name.toUpperCase()];
  return number === undefined || number === Register.None ? undefined : RegisterExt.fullRegister(number);
}

export const isRegisterName = (name: string): boolean =>
  FLAGS.has(name.toLowerCase()) || registerNamed(name) !== undefined;

/** Whether the instruction at RIP writes the register, or a part of it, or may. */
export function writesRegister(access: VcpuAccess, ram: PhysicalMemory, name: string): boolean {
  const { state } = access;
  const { bitness } = modeOf(state);
  const base = bitness === 64 ? 0n : (state.segments[SEG.CS]?.base ?? 0n);
  const bytes = linearReader(access, ram)(base + state.rip, LONGEST_INSTRUCTION);
  const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  decoder.free();
  const factory = new InstructionInfoFactory();
  const info = factory.info(instruction);
  const flagsModified = instruction.rflagsModified !== RflagsBits.None;
  const used = info.usedRegisters().map((one) => {
    const { register, access: how } = one as { register: number; access: number };
    one.free();
    return { register: RegisterExt.fullRegister(register), how };
  });
  info.free();
  factory.free();
  instruction.free();
  if (FLAGS.has(name.toLowerCase())) return flagsModified;
  const wanted = registerNamed(name);
  return used.some(({ register, how }) => register === wanted && WRITES.has(how));
}
