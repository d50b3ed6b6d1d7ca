/**
 * Pushes and pops of multi-word transfers (gates, far calls, IRET). A `Stack` moves its own copy of
 * the stack pointer; nothing of the register file changes until `commit`, so a fault in the middle
 * leaves the instruction restartable.
 *
 * SDM volume 1, "Stacks"; volume 3A, "Stack Fault Exception (#SS)".
 */
import { GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import { isCanonical } from '../number64.ts';
import type { Segment } from '../registers.ts';
import { isAligned } from './access.ts';
import type { SystemContext } from './context.ts';
import { extBit, failed } from './fault.ts';
import { is64Bit, usesDescriptors } from './mode.ts';

export type StackSize = 2 | 4 | 8;

/** An operation works with two of them at most, which are used over and over. */
export class Stack {
  /** Offset of the top in the segment; a signed number for 64-bit stacks. */
  sp = 0;
  private c!: SystemContext;
  private base = 0;
  /** FFFFh, -1, or 0 for 64-bit stacks. */
  private mask = 0;
  private low = 0;
  private high = 0;
  private supervisor = false;
  private error = 0;
  private static readonly inUse = new Stack();
  private static readonly other = new Stack();

  /** The stack in use. */
  static current(c: SystemContext): Stack {
    const r = c.regs;
    const stack = Stack.inUse;
    const wide = is64Bit(r);
    stack.describe(c, r.attributes(SEG.SS), r.limit(SEG.SS), r.segmentBase(SEG.SS), wide);
    stack.supervisor = false;
    stack.error = extBit(c);
    stack.sp = stack.truncate(wide ? r.gpr(GPR.RSP) : r.gprLo(GPR.RSP));
    return stack;
  }

  /**
   * The stack that a transfer goes to. `wide`: a 64-bit stack, whose segment does not matter. `supervisor`:
   * accesses of a more privileged level than the current one. `error`: error code of #SS.
   */
  static target(
    c: SystemContext,
    segment: Readonly<Segment>,
    sp: number,
    wide: boolean,
    supervisor: boolean,
    error: number,
  ): Stack {
    const stack = Stack.other;
    stack.describe(c, segment.attributes, segment.limit, segment.base, wide);
    stack.supervisor = supervisor;
    stack.error = error;
    stack.sp = stack.truncate(sp);
    return stack;
  }

  private describe(c: SystemContext, attributes: number, limit: number, base: number, wide: boolean): void {
    const is32 = (attributes & ATTRIBUTE.DB) !== 0;
    this.c = c;
    this.base = wide ? 0 : base;
    this.mask = wide ? 0 : is32 ? -1 : 0xffff;
    const expandDown = (attributes & ATTRIBUTE.EXPAND_DOWN) !== 0 && (attributes & ATTRIBUTE.CODE) === 0;
    const usable =
      (attributes & ATTRIBUTE.UNUSABLE) === 0 &&
      (!usesDescriptors(c.regs) ||
        (attributes & (ATTRIBUTE.CODE | ATTRIBUTE.WRITABLE)) === ATTRIBUTE.WRITABLE);
    this.low = expandDown ? limit + 1 : 0;
    this.high = !usable ? -1 : expandDown ? (is32 ? 0xffff_ffff : 0xffff) : limit;
  }

  push(bytes: StackSize, lo: number, hi = 0): boolean {
    const sp = this.truncate(this.sp - bytes);
    const linear = this.linear(sp, bytes);
    if (linear === undefined || !this.c.memory.write(linear, bytes, lo, hi, this.supervisor)) return false;
    this.sp = sp;
    return true;
  }

  /** Pushes a signed number (an instruction or stack pointer). */
  pushNumber(bytes: StackSize, value: number): boolean {
    return this.push(bytes, value >>> 0, bytes === 8 ? Math.floor(value / 0x1_0000_0000) >>> 0 : 0);
  }

  /** The value is in `c.memory.lo`, `hi`. */
  pop(bytes: StackSize): boolean {
    const linear = this.linear(this.sp, bytes);
    if (linear === undefined || !this.c.memory.read(linear, bytes, this.supervisor)) return false;
    this.sp = this.truncate(this.sp + bytes);
    return true;
  }

  /** Moves the top by `bytes` (RET n). */
  release(bytes: number): void {
    this.sp = this.truncate(this.sp + bytes);
  }

  /** Writes the stack pointer: SP alone for a 16-bit stack, ESP zero-extended for a 32-bit stack. */
  commit(): void {
    const r = this.c.regs;
    if (this.mask === 0xffff) r.setGpr16(GPR.RSP, this.sp);
    else r.setGprNumber(GPR.RSP, this.sp);
  }

  private truncate(sp: number): number {
    return this.mask === 0 ? sp : (sp & this.mask) >>> 0;
  }

  private linear(sp: number, bytes: number): number | undefined {
    const c = this.c;
    if (this.mask === 0) {
      if (isCanonical(sp) && isCanonical(sp + bytes - 1)) return isAligned(c, sp, bytes) ? sp : undefined;
    } else if (sp >= this.low && sp + bytes - 1 <= this.high) {
      const linear = (this.base + sp) >>> 0;
      return this.supervisor || isAligned(c, linear, bytes) ? linear : undefined;
    }
    failed(c, VECTOR.SS, this.error);
    return undefined;
  }
}
