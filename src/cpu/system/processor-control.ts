/** CPUID, HLT, PAUSE, INVLPG, INVD, WBINVD, UD0-UD2, RSM. SDM volume 2. */
import { cpuid } from '../../arch/cpuid.ts';
import { MSR } from '../../arch/msr.ts';
import { GPR } from '../../arch/registers.ts';
import { isCanonical } from '../number64.ts';
import { ACTIVITY, STATE, STATUS } from '../state.ts';
import type { Status, SystemContext, SystemOperation } from './context.ts';
import { generalProtection, undefinedOpcode } from './fault.ts';
import { is64Bit } from './mode.ts';
import { advance } from './operand.ts';

const APIC_ENABLE = 1 << 11;

function cpuidOperation(c: SystemContext): Status {
  if (c.interceptor?.instruction('cpuid')) return STATUS.EXIT;
  const r = c.regs;
  const apicBase = c.interrupts.readMsr(MSR.IA32_APIC_BASE);
  const state = {
    apicEnabled: apicBase !== undefined && (apicBase.lo & APIC_ENABLE) !== 0,
    wide: is64Bit(r),
  };
  const [eax, ebx, ecx, edx] = cpuid(c.cpuid, state, r.gprLo(GPR.RAX), r.gprLo(GPR.RCX));
  r.setGpr32(GPR.RAX, eax);
  r.setGpr32(GPR.RBX, ebx);
  r.setGpr32(GPR.RCX, ecx);
  r.setGpr32(GPR.RDX, edx);
  return STATUS.NEXT;
}

/** Leaves RIP at the next instruction; the run loop waits for an event. */
function hlt(c: SystemContext): Status {
  const r = c.regs;
  if (r.cpl !== 0) return generalProtection(c);
  if (c.interceptor?.instruction('hlt')) return STATUS.EXIT;
  r.activity = ACTIVITY.HLT;
  advance(c);
  return STATUS.EXIT;
}

function pause(c: SystemContext): Status {
  return c.interceptor?.instruction('pause') ? STATUS.EXIT : STATUS.NEXT;
}

/** The operand's bytes are not accessed; a non-canonical address is no error and does nothing. */
function invlpg(c: SystemContext): Status {
  const { regs: r, record } = c;
  if (r.cpl !== 0) return generalProtection(c);
  if (c.interceptor?.instruction('invlpg')) return STATUS.EXIT;
  const sum = record.offset + r.address(STATE.EFFECTIVE_BASE + 8 * record.segment);
  const linear = is64Bit(r) ? sum : sum >>> 0;
  if (isCanonical(linear)) c.memory.invalidatePage(linear);
  advance(c);
  return STATUS.EXIT;
}

/** There are no caches whose contents could differ from memory. */
const cacheControl =
  (kind: 'invd' | 'wbinvd'): SystemOperation =>
  (c) => {
    if (c.regs.cpl !== 0) return generalProtection(c);
    return c.interceptor?.instruction(kind) ? STATUS.EXIT : STATUS.NEXT;
  };

/** Outside system-management mode, which does not exist here. */
function rsm(c: SystemContext): Status {
  return c.interceptor?.instruction('rsm') ? STATUS.EXIT : undefinedOpcode(c);
}

export const PROCESSOR_OPERATIONS: Record<string, SystemOperation> = {
  cpuid: cpuidOperation,
  hlt,
  pause,
  invlpg,
  invd: cacheControl('invd'),
  wbinvd: cacheControl('wbinvd'),
  ud: undefinedOpcode,
  rsm,
};
