/**
 * Instructions on RFLAGS: PUSHF, POPF, CLI, STI, STAC, CLAC (what isa/system/flags.ts leaves over), and which flags IRET and POPF may change.
 * CR4.VME and CR4.PVI are not offered (CPUID denies them), so virtual interrupt flags play no part.
 */
import { FLAG, STATUS_FLAGS } from '../../arch/registers.ts';
import type { Registers } from '../registers.ts';
import { INTERRUPTIBILITY, STATE, STATUS } from '../state.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import { isProtected, isVm86, refreshPrivilege } from './mode.ts';
import { advance, defaultWideSize } from './operand.ts';
import { Stack, type StackSize } from './stack.ts';

const ANY_LEVEL = STATUS_FLAGS | FLAG.TF | FLAG.DF | FLAG.NT;
const UPPER = FLAG.AC | FLAG.ID;

/**
 * RFLAGS after IRET loads `value` of `bytes` bytes at the present CPL and IOPL: IF needs CPL <= IOPL,
 * IOPL, VIF and VIP need CPL 0; VM stays; a 16-bit image leaves the upper half alone.
 */
export function loadableFlags(r: Registers, value: number, bytes: number): number {
  let mask = ANY_LEVEL;
  if (bytes > 2) mask |= UPPER | FLAG.RF;
  if (r.cpl <= r.iopl) mask |= FLAG.IF;
  if (r.cpl === 0) mask |= FLAG.IOPL;
  if (r.cpl === 0 && bytes > 2 && isProtected(r)) mask |= FLAG.VIF | FLAG.VIP;
  return (r.rflags & ~mask) | (value & mask);
}

/** Whether CLI and STI are allowed: CPL <= IOPL, which in virtual-8086 mode (CPL 3) is IOPL = 3. */
const mayChangeIf = (r: Registers): boolean => !isProtected(r) || r.cpl <= r.iopl;

function pushf(c: SystemContext): Status {
  const r = c.regs;
  if (isVm86(r) && r.iopl < 3) return generalProtection(c);
  if (c.interceptor?.instruction('pushf')) return STATUS.EXIT;
  const stack = Stack.current(c);
  const image = r.rflags & ~(FLAG.VM | FLAG.RF);
  if (!stack.push((defaultWideSize(c) / 8) as StackSize, image)) return STATUS.FAULT;
  stack.commit();
  return STATUS.NEXT;
}

function popf(c: SystemContext): Status {
  const r = c.regs;
  if (isVm86(r) && r.iopl < 3) return generalProtection(c);
  if (c.interceptor?.instruction('popf')) return STATUS.EXIT;
  const bytes = (defaultWideSize(c) / 8) as StackSize;
  const stack = Stack.current(c);
  if (!stack.pop(bytes)) return STATUS.FAULT;
  let mask = ANY_LEVEL;
  if (bytes > 2) mask |= UPPER;
  if (r.cpl <= r.iopl) mask |= FLAG.IF;
  if (r.cpl === 0) mask |= FLAG.IOPL;
  const before = r.rflags;
  const after = (before & ~mask) | (c.memory.lo & mask);
  stack.commit();
  // POPF clears RF; VIF and VIP are cleared by the wider forms at CPL 0.
  r.rflags = after & ~(FLAG.RF | (bytes > 2 && r.cpl === 0 ? FLAG.VIF | FLAG.VIP : 0));
  return afterFlagChange(c, before, after);
}

/** Leaves the generated code when the new flags matter to it or to the run loop. */
function afterFlagChange(c: SystemContext, before: number, after: number): Status {
  const raised = after & ~before;
  const toggled = after ^ before;
  if (toggled & FLAG.AC) refreshPrivilege(c.regs);
  const looks = (raised & FLAG.IF) !== 0 && (c.regs.i32[STATE.WATCH_IF >> 2] !== 0 || c.interrupts.pending());
  if (!looks && (toggled & FLAG.AC) === 0 && ((before | after) & FLAG.TF) === 0) return STATUS.NEXT;
  advance(c);
  return STATUS.EXIT;
}

function cli(c: SystemContext): Status {
  const r = c.regs;
  if (!mayChangeIf(r)) return generalProtection(c);
  r.i32[STATE.FLAG_SYSTEM >> 2] &= ~FLAG.IF;
  return STATUS.NEXT;
}

/** STI keeps interrupts away for one more instruction when IF was 0. */
function sti(c: SystemContext): Status {
  const r = c.regs;
  if (!mayChangeIf(r)) return generalProtection(c);
  if (r.systemFlags & FLAG.IF) return STATUS.NEXT;
  r.i32[STATE.FLAG_SYSTEM >> 2] |= FLAG.IF;
  r.interruptibility |= INTERRUPTIBILITY.STI;
  r.i32[STATE.STI_BUDGET >> 2] = r.i32[STATE.BUDGET >> 2];
  advance(c);
  return STATUS.EXIT;
}

const setAc =
  (on: boolean): SystemOperation =>
  (c) => {
    const r = c.regs;
    if (r.cpl !== 0 || isVm86(r)) return undefinedOpcode(c);
    const flags = r.systemFlags;
    r.systemFlags = on ? flags | FLAG.AC : flags & ~FLAG.AC;
    return afterFlagChange(c, flags, r.systemFlags);
  };

export const FLAG_OPERATIONS: Record<string, SystemOperation> = {
  pushf,
  popf,
  cli,
  sti,
  stac: setAc(true),
  clac: setAc(false),
};
