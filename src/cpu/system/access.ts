/**
 * Memory operands of system operations: segment limit and type, canonical address and alignment are
 * checked here, paging by LinearMemory.
 *
 * SDM volume 3A, "Limit Checking", "Alignment Check Exception (#AC)"; volume 1, "Canonical Addressing".
 */
import { CR0, FLAG, SEG, VECTOR } from '../../arch/registers.ts';
import { isCanonical } from '../number64.ts';
import { STATE } from '../state.ts';
import type { SystemContext } from './context.ts';
import { extBit, failed } from './fault.ts';
import { is64Bit } from './mode.ts';

/**
 * Linear address of `bytes` bytes at `offset` of segment register `n` (SEG number), or undefined with
 * #SS(0) or #GP(0) stored.
 */
export function linearAddress(
  c: SystemContext,
  n: number,
  offset: number,
  bytes: number,
  write: boolean,
): number | undefined {
  const r = c.regs;
  const last = offset + bytes - 1;
  if (is64Bit(r)) {
    const linear = offset + r.address(STATE.EFFECTIVE_BASE + 8 * n);
    if (isCanonical(linear) && isCanonical(linear + bytes - 1)) return linear;
  } else {
    const range = STATE.SEGMENT_RANGE + 32 * n + (write ? 16 : 0);
    if (offset >= r.address(range) && last <= r.address(range + 8)) return (r.segmentBase(n) + offset) >>> 0;
  }
  failed(c, n === SEG.SS ? VECTOR.SS : VECTOR.GP, extBit(c));
  return undefined;
}

type Bytes = 1 | 2 | 4 | 8;

/** Reads at an offset of a segment with the current rights; the value is in `c.memory.lo`, `hi`. */
export function readSegment(c: SystemContext, n: number, offset: number, bytes: Bytes): boolean {
  const linear = linearAddress(c, n, offset, bytes, false);
  return linear !== undefined && isAligned(c, linear, bytes) && c.memory.read(linear, bytes, false);
}

export function writeSegment(
  c: SystemContext,
  n: number,
  offset: number,
  bytes: Bytes,
  lo: number,
  hi: number,
): boolean {
  const linear = linearAddress(c, n, offset, bytes, true);
  return linear !== undefined && isAligned(c, linear, bytes) && c.memory.write(linear, bytes, lo, hi, false);
}

/** False with #AC(0) stored when alignment checks are on and the access is not aligned. */
export function isAligned(c: SystemContext, linear: number, bytes: number): boolean {
  const r = c.regs;
  const checks = r.cpl === 3 && (r.cr0 & CR0.AM) !== 0 && (r.systemFlags & FLAG.AC) !== 0;
  return !checks || (linear & (bytes - 1)) === 0 || failed(c, VECTOR.AC, 0);
}
