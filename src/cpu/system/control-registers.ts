/** MOV to and from control registers, CLTS, LMSW, SMSW. SDM volume 2, "MOV - Move to/from Control Registers"; volume 3A, "Control Registers". */
import { CR0, CR4, EFER, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import { signedNumber } from '../number64.ts';
import { STATE, STATUS } from '../state.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import { writableCr4 } from './features.ts';
import type { ControlRegisterAccess } from './intercept.ts';
import { is64Bit, isLongMode, isVm86, refresh, refreshFpuTrap } from './mode.ts';
import { advance, readRm16, writeRmWord, writeSized } from './operand.ts';
import { loadPdptes, setCr3, usesPdptes } from './paging-registers.ts';

type Number = ControlRegisterAccess['register'];

const isRegister = (n: number): n is Number => n === 0 || n === 2 || n === 3 || n === 4 || n === 8;

/** Level 0, and not virtual-8086 mode (whose CPL is 3). Real-address mode has CPL 0. */
const isPrivileged = (c: SystemContext): boolean => c.regs.cpl === 0 && !isVm86(c.regs);

const intercepts = (
  { interceptor }: SystemContext,
  register: Number,
  kind: ControlRegisterAccess['kind'],
  gpr: number,
  lo = 0,
  hi = 0,
): boolean => interceptor?.controlRegister({ register, kind, gpr, lo, hi }) ?? false;

function moveFrom(c: SystemContext): Status {
  const { regs: r, record } = c;
  const number = record.reg;
  if (!isRegister(number)) return undefinedOpcode(c);
  if (!isPrivileged(c)) return generalProtection(c);
  if (intercepts(c, number, 'from', record.rm)) return STATUS.EXIT;
  const hi = number === 2 ? r.hi(STATE.CR2) : number === 3 ? r.hi(STATE.CR3) : 0;
  writeSized(c, record.rm, is64Bit(r) ? 64 : 32, lowHalf(c, number), hi);
  return STATUS.NEXT;
}

function lowHalf(c: SystemContext, number: Number): number {
  const r = c.regs;
  switch (number) {
    case 0:
      return shadowed(c, 0, r.cr0);
    case 2:
      return r.lo(STATE.CR2);
    case 3:
      return r.lo(STATE.CR3);
    case 4:
      return shadowed(c, 4, r.cr4);
    case 8:
      return c.interceptor?.readTaskPriority() ?? c.interrupts.cr8;
  }
}

const shadowed = (c: SystemContext, register: 0 | 4, actual: number): number =>
  c.interceptor ? c.interceptor.readShadow(register, actual) : actual;

function moveTo(c: SystemContext): Status {
  const { regs: r, record } = c;
  const number = record.reg;
  if (!isRegister(number)) return undefinedOpcode(c);
  if (!isPrivileged(c)) return generalProtection(c);
  const lo = r.gprLo(record.rm);
  const hi = is64Bit(r) ? r.gprHi(record.rm) : 0;
  if (intercepts(c, number, 'to', record.rm, lo, hi)) return STATUS.EXIT;
  const status = WRITERS[number](c, lo, hi);
  if (status === STATUS.EXIT) advance(c);
  return status;
}

/** Effects of MOV to each register; EXIT when the generated code has to be left (RIP is then set by the caller). */
const WRITERS: Record<Number, (c: SystemContext, lo: number, hi: number) => Status> = {
  0: (c, lo, hi) => (hi === 0 ? writeCr0(c, lo) : generalProtection(c)),
  2: (c, lo, hi) => {
    c.regs.setPair(STATE.CR2, lo, hi);
    return STATUS.NEXT;
  },
  3: writeCr3,
  4: (c, lo, hi) => (hi === 0 ? writeCr4(c, lo) : generalProtection(c)),
  8: (c, lo, hi) => {
    if (hi !== 0 || lo > 15) return generalProtection(c);
    if (!c.interceptor?.writeTaskPriority(lo)) c.interrupts.cr8 = lo;
    return STATUS.EXIT;
  },
};

/** MOV to a control register by a debugger, without privilege checks and VM exits; false where it raises #GP(0). */
export function setControlRegister(c: SystemContext, n: 0 | 2 | 3 | 4, lo: number, hi: number): boolean {
  const { i32 } = c.regs;
  const fault = i32.slice(STATE.FAULT_VECTOR >> 2, (STATE.FAULT_ADDRESS >> 2) + 2);
  const taken = WRITERS[n](c, lo, hi) !== STATUS.FAULT;
  // Nothing has executed: no exception is under way.
  if (!taken) i32.set(fault, STATE.FAULT_VECTOR >> 2);
  return taken;
}

const CR0_BITS =
  CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.ET | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG;
/** Changing one of these ends translations. */
const CR0_PAGING = CR0.PE | CR0.PG | CR0.WP;
const CR4_PAGING = CR4.PSE | CR4.PAE | CR4.PGE | CR4.PCIDE | CR4.SMEP | CR4.SMAP;
/** Changing one of these loads the PDPTEs under PAE paging. */
const CR0_PDPTE = CR0.PG | CR0.CD | CR0.NW;
const CR4_PDPTE = CR4.PAE | CR4.PGE | CR4.PSE | CR4.SMEP;

/** CR0 with ET, which is hardwired, and without the reserved bits, which are ignored on writes below bit 32. */
const effectiveCr0 = (value: number): number => (value & CR0_BITS) | CR0.ET;

/** MOV to CR0 and LMSW after the check for VM exits. */
function writeCr0(c: SystemContext, written: number): Status {
  const r = c.regs;
  const old = r.cr0;
  const merged = c.interceptor ? c.interceptor.merge(0, written, old) : written;
  const next = effectiveCr0(merged);
  const has = (bit: number): boolean => (next & bit) !== 0;
  if ((has(CR0.PG) && !has(CR0.PE)) || (has(CR0.NW) && !has(CR0.CD))) return generalProtection(c);
  if (c.virtualization && !c.virtualization.allowsCr0(next)) return generalProtection(c);
  const changed = old ^ next;
  const startsPaging = (changed & next & CR0.PG) !== 0;
  const stopsPaging = (changed & CR0.PG) !== 0 && !startsPaging;
  const entersLongMode = startsPaging && (r.efer & EFER.LME) !== 0;
  if (entersLongMode && !mayEnterLongMode(c)) return generalProtection(c);
  if (stopsPaging && (is64Bit(r) || (r.cr4 & CR4.PCIDE) !== 0)) return generalProtection(c);
  const reloads = (changed & CR0_PDPTE) !== 0 && !entersLongMode && usesPdptes(c, next, r.cr4);
  if (reloads && !loadPdptes(c, r.cr3)) return STATUS.FAULT;

  if (entersLongMode) r.efer |= EFER.LMA;
  if (stopsPaging) r.efer &= ~EFER.LMA;
  r.cr0 = next;
  if (changed & CR0_PAGING) c.memory.flush('all');
  if ((changed & ~CR0.TS) === 0) {
    refreshFpuTrap(r);
    return STATUS.NEXT;
  }
  refresh(r);
  return STATUS.EXIT;
}

/** PAE on, CS not already 64-bit, TR not a 16-bit TSS. */
function mayEnterLongMode(c: SystemContext): boolean {
  const r = c.regs;
  const tr = r.attributes(SEG.TR);
  const is16BitTss = (tr & ATTRIBUTE.UNUSABLE) === 0 && (tr & 8) === 0 && (tr & ATTRIBUTE.P) !== 0;
  return (r.cr4 & CR4.PAE) !== 0 && (r.attributes(SEG.CS) & ATTRIBUTE.L) === 0 && !is16BitTss;
}

function writeCr3(c: SystemContext, lo: number, hi: number): Status {
  const r = c.regs;
  // With PCIDE bit 63 asks to keep the translations of the PCID.
  const upper = r.cr4 & CR4.PCIDE ? hi & 0x7fff_ffff : hi;
  if (upper >>> (c.cpuid.physicalBits - 32) !== 0) return generalProtection(c);
  if (!setCr3(c, signedNumber(lo, upper), upper !== hi)) return STATUS.FAULT;
  return STATUS.EXIT;
}

function writeCr4(c: SystemContext, written: number): Status {
  const r = c.regs;
  const old = r.cr4;
  const next = c.interceptor ? c.interceptor.merge(4, written, old) : written;
  const changed = old ^ next;
  if (next & ~writableCr4(c.cpuid)) return generalProtection(c);
  if (isLongMode(r) && (next & CR4.PAE) === 0) return generalProtection(c);
  const enablesPcid = (changed & next & CR4.PCIDE) !== 0;
  if (enablesPcid && (!isLongMode(r) || (r.cr3 & 0xfff) !== 0)) return generalProtection(c);
  if (c.virtualization && !c.virtualization.allowsCr4(next)) return generalProtection(c);
  const reloads = (changed & CR4_PDPTE) !== 0 && usesPdptes(c, r.cr0, next);
  if (reloads && !loadPdptes(c, r.cr3)) return STATUS.FAULT;
  r.cr4 = next;
  if (changed & CR4_PAGING) c.memory.flush('all');
  if (changed & CR4.PCIDE) c.memory.loadAddressSpace(true);
  refresh(r);
  return STATUS.EXIT;
}

function clts(c: SystemContext): Status {
  const r = c.regs;
  if (!isPrivileged(c)) return generalProtection(c);
  if (intercepts(c, 0, 'clts', 0)) return STATUS.EXIT;
  const next = r.cr0 & ~CR0.TS;
  r.cr0 = c.interceptor ? c.interceptor.merge(0, next, r.cr0) : next;
  refreshFpuTrap(r);
  return STATUS.NEXT;
}

/** Loads PE, MP, EM and TS; PE cannot be cleared. */
function lmsw(c: SystemContext): Status {
  const r = c.regs;
  if (!isPrivileged(c)) return generalProtection(c);
  const source = readRm16(c);
  if (source === undefined) return STATUS.FAULT;
  if (intercepts(c, 0, 'lmsw', 0, source)) return STATUS.EXIT;
  const status = writeCr0(c, (r.cr0 & ~0xe) | (source & 0xf));
  if (status === STATUS.EXIT) advance(c);
  return status;
}

function smsw(c: SystemContext): Status {
  const r = c.regs;
  if (r.cr4 & CR4.UMIP && r.cpl > 0) return generalProtection(c);
  if (c.interceptor?.instruction('smsw')) return STATUS.EXIT;
  return writeRmWord(c, shadowed(c, 0, r.cr0)) ? STATUS.NEXT : STATUS.FAULT;
}

export const CONTROL_REGISTER_OPERATIONS: Record<string, SystemOperation> = {
  moveFromControl: moveFrom,
  moveToControl: moveTo,
  clts,
  lmsw,
  smsw,
};
