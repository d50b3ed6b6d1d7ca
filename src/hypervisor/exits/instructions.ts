/** Exits of instructions: CPUID, HLT, PAUSE, MSRs, and those that the guest is not given. */
import { COST } from '../costs.ts';
import { guestCpuid } from '../policy/cpuid.ts';
import { readGuestMsr, writeGuestMsr } from '../policy/msr.ts';
import type { ExitContext } from './context.ts';

const [RAX, RCX, RDX, RBX] = [0, 1, 2, 3];

export function cpuid(x: ExitContext): void {
  const { gprs } = x.cpu;
  const { vcpus, options } = x.vm;
  const subject = { index: x.vcpu.index, vcpus: vcpus.length, hidden: options.hidden ?? false };
  const { eax, ebx, ecx, edx } = guestCpuid(x.cpu, subject, gprs[2 * RAX], gprs[2 * RCX]);
  set32(gprs, RAX, eax);
  set32(gprs, RBX, ebx);
  set32(gprs, RCX, ecx);
  set32(gprs, RDX, edx);
  x.cpu.charge(COST.CPUID);
  x.skipInstruction();
}

function set32(gprs: Uint32Array, n: number, value: number): void {
  gprs[2 * n] = value;
  gprs[2 * n + 1] = 0;
}

export function halt(x: ExitContext): void {
  x.cpu.charge(COST.HALT);
  x.skipInstruction();
  if (x.vcpu.hasEvent) return;
  x.vcpu.state = 'halted';
  x.hypervisor.stopRunning(x.vcpu, 'halted');
}

export function pause(x: ExitContext): void {
  x.skipInstruction();
  x.hypervisor.yield(x.vcpu, 'paused in a spin loop');
}

export function readMsr(x: ExitContext): void {
  x.cpu.charge(COST.MSR);
  const value = readGuestMsr(x.vcpu, x.cpu.gprs[2 * RCX]);
  if (value === undefined) {
    x.generalProtection();
    return;
  }
  set32(x.cpu.gprs, RAX, value.lo);
  set32(x.cpu.gprs, RDX, value.hi);
  x.skipInstruction();
}

export function writeMsr(x: ExitContext): void {
  x.cpu.charge(COST.MSR);
  const { gprs } = x.cpu;
  if (writeGuestMsr(x.vcpu, gprs[2 * RCX], gprs[2 * RAX], gprs[2 * RDX])) x.skipInstruction();
  else x.generalProtection();
}

/** Instructions that do nothing here: WBINVD, INVD. */
export const skip = (x: ExitContext): void => x.skipInstruction();

/** VMX instructions, GETSEC and others that do not exist for the guest. */
export const undefinedOpcode = (x: ExitContext): void => x.undefinedOpcode();

export const generalProtection = (x: ExitContext): void => x.generalProtection();
