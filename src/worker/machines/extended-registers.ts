import { MSR } from '../../arch/msr.ts';
import { FIELD } from '../../arch/vmcs.ts';
import type { Processor } from '../../cpu/processor.ts';
import { STATE } from '../../cpu/state.ts';
import { readMsr } from '../../cpu/system/msr.ts';
import { tscAt } from '../../cpu/system/tsc.ts';
import type { Vmcs } from '../../cpu/vmx/format.ts';
import { CONTROL_BYTES, FX } from '../../cpu/vmx/host-cpu.ts';
import { SWITCHED_DRS, SWITCHED_MSRS, type Vcpu } from '../../hypervisor/vcpu.ts';
import { type ExtendedState, type FloatState, floatState, namedMsrs } from '../views/extended-state.ts';
import { fromHalves } from '../views/numbers.ts';

const FROM_VMCS: ReadonlyMap<number, number> = new Map<number, number>([
  [MSR.IA32_PAT, FIELD.GUEST_IA32_PAT],
  [MSR.IA32_SYSENTER_ESP, FIELD.GUEST_SYSENTER_ESP],
  [MSR.IA32_SYSENTER_EIP, FIELD.GUEST_SYSENTER_EIP],
]);
const SWITCHED: readonly number[] = SWITCHED_MSRS;
const DEBUG: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

/** A processor's own: of a bare machine. */
export function extendedOfProcessor(processor: Processor): ExtendedState {
  const offset = BigInt(processor.interceptor?.tscOffset() ?? 0);
  return {
    debug: DEBUG.map((n) => debugOf(processor, n)),
    msrs: namedMsrs((index) => msrOf(processor, index, offset)),
    float: floatOf(processor),
    cr8: processor.interrupts.cr8,
  };
}

/** Of a vCPU: what a processor has of it now, else what the VMCS and the hypervisor keep. */
export function extendedOfVcpu(
  vcpu: Vcpu,
  vmcs: Vmcs,
  processors: readonly Processor[],
  executing: Processor | undefined,
): ExtendedState {
  const holder = processors[vcpu.loadedOn?.index ?? -1];
  const offset = offsetOf(vmcs);
  const { saved } = vcpu;
  const readOther = (index: number): bigint | undefined => {
    const field = FROM_VMCS.get(index);
    if (field !== undefined) return fromHalves(vmcs.lo(field), vmcs.hi(field));
    if (index === MSR.IA32_SYSENTER_CS) return BigInt(vmcs.lo(FIELD.GUEST_SYSENTER_CS) >>> 0);
    if (index === MSR.IA32_TIME_STAMP_COUNTER) {
      const clock = executing ?? holder ?? processors[0];
      return clock && msrOf(clock, index, offset);
    }
    if (holder !== undefined) return msrOf(holder, index, offset);
    const value = saved.msrs[SWITCHED.indexOf(index)];
    return value && fromHalves(value.lo, value.hi);
  };
  const read = (index: number): bigint | undefined => {
    // The one that the guest sees is the virtual local APIC's.
    if (index === MSR.IA32_APIC_BASE) return pair(vcpu.apic.readMsr(index));
    return executing === undefined ? readOther(index) : msrOf(executing, index, offset);
  };
  const debug = (n: number): bigint => {
    if (executing !== undefined) return debugOf(executing, n);
    if (n === 7) return BigInt(vmcs.lo(FIELD.GUEST_DR7) >>> 0);
    if (holder !== undefined) return debugOf(holder, n);
    const value = saved.drs[(SWITCHED_DRS as readonly number[]).indexOf(n)];
    return value === undefined ? 0n : fromHalves(value.lo, value.hi);
  };
  return {
    debug: DEBUG.map(debug),
    msrs: namedMsrs(read),
    float: holder === undefined ? savedFloat(saved.fx) : floatOf(holder),
    cr8: vcpu.apic.cr8,
  };
}

const pair = (value: { lo: number; hi: number } | undefined): bigint | undefined =>
  value && fromHalves(value.lo, value.hi);

const offsetOf = (vmcs: Vmcs): bigint => fromHalves(vmcs.lo(FIELD.TSC_OFFSET), vmcs.hi(FIELD.TSC_OFFSET));

const debugOf = ({ regs }: Processor, n: number): bigint =>
  n === 4 || n === 5 ? 0n : fromHalves(regs.lo(STATE.DR + 8 * n), regs.hi(STATE.DR + 8 * n));

/** Reading the counter by RDTSC is an event among processors that agree on it: here it is only looked at. */
function msrOf(processor: Processor, index: number, tscOffset: bigint): bigint | undefined {
  if (index !== MSR.IA32_TIME_STAMP_COUNTER) return pair(readMsr(processor, index));
  const { lo, hi } = tscAt(processor.regs, processor.now());
  return BigInt.asUintN(64, fromHalves(lo, hi) + tscOffset);
}

function floatOf({ regs: { u8 } }: Processor): FloatState {
  return floatState(
    u8.subarray(STATE.XMM, STATE.XMM + 256),
    u8.subarray(STATE.X87, STATE.X87 + 128),
    u8.subarray(STATE.FCW, STATE.FCW + CONTROL_BYTES),
  );
}

function savedFloat(fx: Uint8Array): FloatState {
  return floatState(
    fx.subarray(FX.XMM, FX.XMM + 256),
    fx.subarray(FX.X87, FX.X87 + 128),
    fx.subarray(FX.CONTROL, FX.CONTROL + CONTROL_BYTES),
  );
}
