/**
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT. SDM volume 2; AMD APM volume 3. The vendors differ:
 *
 *            SYSCALL, SYSRET                                   SYSENTER, SYSEXIT
 *   Intel    in 64-bit mode only                               in all modes
 *   AMD      in all modes: to CSTAR from compatibility mode,   not in long mode
 *            to STAR[31:0] in legacy mode
 *
 * Two of AMD's rules are not followed: SYSRET to a non-canonical address faults here before it leaves CPL 0, and it
 * loads the attributes of SS.
 */
import { EFER, FLAG, GPR, SEG } from '../../arch/registers.ts';
import { isCanonical } from '../number64.ts';
import type { Registers } from '../registers.ts';
import { STATUS } from '../state.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { skipSingleStep } from './debug.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import {
  is64Bit,
  isLongMode,
  isProtected,
  refreshTransfer,
  type Segmentation,
  segmentation,
} from './mode.ts';
import { MSR_FIELD } from './msr-fields.ts';
import { nextIp } from './operand.ts';

/** Flat segments as these instructions load them: present, accessed, G = 1; code readable, data writable. */
const CODE32 = 0xc09b;
const CODE64 = 0xa09b;
const DATA32 = 0xc093;

const loadFlat = (r: Registers, n: number, selector: number, attributes: number, dpl: number): void =>
  r.loadSegment(n, selector, attributes | (dpl << 5), 0xffff_ffff, 0);

/** Loads flat CS and SS, CPL and RIP. @param before `segmentation` before the instruction */
function enter(
  r: Registers,
  before: Segmentation,
  cs: number,
  attributes: number,
  ss: number,
  cpl: number,
  rip: number,
): Status {
  loadFlat(r, SEG.CS, cs, attributes, cpl);
  loadFlat(r, SEG.SS, ss, DATA32, cpl);
  r.cpl = cpl;
  r.rip = rip;
  refreshTransfer(r, before);
  return STATUS.EXIT;
}

const isAmd = ({ cpuid }: SystemContext): boolean => cpuid.vendor === 'amd';

const hasSyscall = (c: SystemContext): boolean =>
  (c.regs.efer & EFER.SCE) !== 0 && (isAmd(c) ? isProtected(c.regs) : is64Bit(c.regs));

const hasSysenter = (c: SystemContext): boolean => !(isAmd(c) && isLongMode(c.regs));

function syscall(c: SystemContext): Status {
  const r = c.regs;
  if (!hasSyscall(c)) return undefinedOpcode(c);
  if (!isLongMode(r)) return legacySyscall(c);
  const before = segmentation(r);
  const target = is64Bit(r) ? MSR_FIELD.LSTAR : MSR_FIELD.CSTAR;
  const flags = r.rflags;
  r.setGprNumber(GPR.RCX, nextIp(c));
  r.setGpr32(GPR.R11, flags & ~FLAG.RF);
  r.rflags = flags & ~r.lo(MSR_FIELD.FMASK) & ~FLAG.RF;
  if ((r.systemFlags & FLAG.TF) === 0) skipSingleStep(r, flags);
  const selector = r.hi(MSR_FIELD.STAR) & 0xfffc;
  return enter(r, before, selector, CODE64, selector + 8, 0, r.address(target));
}

/** AMD's outside long mode. */
function legacySyscall(c: SystemContext): Status {
  const r = c.regs;
  const before = segmentation(r);
  r.setGpr32(GPR.RCX, nextIp(c));
  r.systemFlags &= ~(FLAG.VM | FLAG.IF | FLAG.RF);
  const selector = r.hi(MSR_FIELD.STAR) & 0xfffc;
  return enter(r, before, selector, CODE32, selector + 8, 0, r.lo(MSR_FIELD.STAR));
}

/** Flags that SYSRET takes from R11: all but RF and VM. */
const SYSRET_FLAGS = 0x3c_7fd7;

function sysret(c: SystemContext): Status {
  const r = c.regs;
  if (!hasSyscall(c)) return undefinedOpcode(c);
  if (r.cpl !== 0) return generalProtection(c);
  const before = segmentation(r);
  const wide = c.record.rexW && is64Bit(r);
  const target = wide ? r.gpr(GPR.RCX) : r.gprLo(GPR.RCX);
  // Intel faults here, still at CPL 0; AMD faults in the user program.
  if (wide && !isCanonical(target)) return generalProtection(c);
  if (is64Bit(r)) r.rflags = r.gprLo(GPR.R11) & SYSRET_FLAGS;
  else r.systemFlags |= FLAG.IF;
  const selector = (r.hi(MSR_FIELD.STAR) >>> 16) & 0xffff;
  const cs = (wide ? selector + 16 : selector) | 3;
  return enter(r, before, cs, wide ? CODE64 : CODE32, (selector + 8) | 3, 3, target);
}

function sysenter(c: SystemContext): Status {
  const r = c.regs;
  if (!hasSysenter(c)) return undefinedOpcode(c);
  const selector = r.lo(MSR_FIELD.SYSENTER_CS) & 0xfffc;
  if (!isProtected(r) || selector === 0) return generalProtection(c);
  const wide = isLongMode(r);
  const before = segmentation(r);
  r.systemFlags = r.systemFlags & ~(FLAG.VM | FLAG.IF | FLAG.RF);
  const sp = wide ? r.address(MSR_FIELD.SYSENTER_ESP) : r.lo(MSR_FIELD.SYSENTER_ESP);
  const ip = wide ? r.address(MSR_FIELD.SYSENTER_EIP) : r.lo(MSR_FIELD.SYSENTER_EIP);
  r.setGprNumber(GPR.RSP, sp);
  return enter(r, before, selector, wide ? CODE64 : CODE32, selector + 8, 0, ip);
}

function sysexit(c: SystemContext): Status {
  const r = c.regs;
  if (!hasSysenter(c)) return undefinedOpcode(c);
  const selector = r.lo(MSR_FIELD.SYSENTER_CS) & 0xfffc;
  if (!isProtected(r) || selector === 0 || r.cpl !== 0) return generalProtection(c);
  const wide = c.record.rexW && is64Bit(r);
  const ip = wide ? r.gpr(GPR.RDX) : r.gprLo(GPR.RDX);
  const sp = wide ? r.gpr(GPR.RCX) : r.gprLo(GPR.RCX);
  if (wide && !(isCanonical(ip) && isCanonical(sp))) return generalProtection(c);
  r.setGprNumber(GPR.RSP, sp);
  const cs = (selector + (wide ? 32 : 16)) | 3;
  return enter(r, segmentation(r), cs, wide ? CODE64 : CODE32, cs + 8, 3, ip);
}

export const FAST_CALLS: Record<string, SystemOperation> = { syscall, sysret, sysenter, sysexit };
