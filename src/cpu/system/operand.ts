/** Operands of system instructions: ModRM.rm as register or memory, operand size. */
import { CODE_MODE, CODE_MODE_SIZE } from '../../isa/modes.ts';
import { STATE } from '../state.ts';
import { readSegment, writeSegment } from './access.ts';
import type { SystemContext } from './context.ts';

const mode = (c: SystemContext): number => c.regs.lo(STATE.CODE_MODE);

/** Operand size in bits by mode, 66h and REX.W. */
export function operandSize(c: SystemContext): 16 | 32 | 64 {
  const { record } = c;
  if (record.rexW && mode(c) === CODE_MODE.LONG64) return 64;
  const isDefault16 = CODE_MODE_SIZE[mode(c)].operand === 16;
  return isDefault16 !== record.hasOperandSizePrefix ? 16 : 32;
}

/** Operand size of an instruction that defaults to 64 bits in 64-bit mode. */
export const defaultWideSize = (c: SystemContext): 16 | 32 | 64 =>
  mode(c) !== CODE_MODE.LONG64 ? operandSize(c) : c.record.hasOperandSizePrefix && !c.record.rexW ? 16 : 64;

/** Reads 16 bits of ModRM.rm; undefined after a fault. */
export function readRm16(c: SystemContext): number | undefined {
  const { record } = c;
  if (!record.isMemory) return c.regs.gprLo(record.rm) & 0xffff;
  return readSegment(c, record.segment, record.offset, 2) ? c.memory.lo : undefined;
}

/**
 * Stores a value into ModRM.rm: memory always takes 16 bits, a register takes the operand size
 * (SLDT, STR, SMSW, MOV from a segment register).
 */
export function writeRmWord(c: SystemContext, lo: number): boolean {
  const { record } = c;
  if (record.isMemory) return writeSegment(c, record.segment, record.offset, 2, lo & 0xffff, 0);
  writeSized(c, record.rm, operandSize(c), lo, 0);
  return true;
}

/** Writes the low `size` bits of a general register; 32-bit results clear the upper half. */
export function writeSized(c: SystemContext, gpr: number, size: 16 | 32 | 64, lo: number, hi: number): void {
  if (size === 16) c.regs.setGpr16(gpr, lo);
  else c.regs.setGpr(gpr, lo, size === 64 ? hi : 0);
}

/** Moves RIP to the next instruction. */
export function advance(c: SystemContext): void {
  const { u32 } = c.regs;
  const lo = u32[STATE.RIP >> 2] + c.record.length;
  u32[STATE.RIP >> 2] = lo;
  if (mode(c) !== CODE_MODE.LONG64) u32[(STATE.RIP >> 2) + 1] = 0;
  else if (lo > 0xffff_ffff) u32[(STATE.RIP >> 2) + 1]++;
}

/** Instruction pointer of the next instruction. */
export function nextIp(c: SystemContext): number {
  const next = c.regs.rip + c.record.length;
  return mode(c) === CODE_MODE.LONG64 ? next : next >>> 0;
}
