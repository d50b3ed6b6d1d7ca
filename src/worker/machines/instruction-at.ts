import { Decoder, DecoderOptions, FlowControl } from 'iced-x86';
import { SEG } from '../../arch/registers.ts';
import type { PhysicalMemory } from '../../contracts/memory.ts';
import { modeOf } from '../views/modes.ts';
import { signedNumber } from '../views/numbers.ts';
import type { VcpuAccess } from './lab-machine.ts';
import { linearReader } from './linear-memory.ts';

const LONGEST_INSTRUCTION = 15;

/**
 * The linear address after the instruction at RIP when that instruction is one to step over: CALL,
 * INT n, or a repeated string instruction. Undefined for all others and where nothing can be read.
 */
export function nextAfterCall(access: VcpuAccess, ram: PhysicalMemory): number | undefined {
  const { state } = access;
  const { bitness } = modeOf(state);
  const base = bitness === 64 ? 0n : (state.segments[SEG.CS]?.base ?? 0n);
  const linear = base + state.rip;
  const bytes = linearReader(access, ram)(linear, LONGEST_INSTRUCTION);
  const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const flow = instruction.flowControl;
  const calls =
    flow === FlowControl.Call || flow === FlowControl.IndirectCall || flow === FlowControl.Interrupt;
  const repeats = instruction.isStringInstruction && (instruction.hasRepPrefix || instruction.hasRepnePrefix);
  const next = calls || repeats ? signedNumber(linear + BigInt(instruction.length)) : undefined;
  instruction.free();
  decoder.free();
  return next;
}
