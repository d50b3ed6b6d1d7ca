/** VM exits. SDM volume 3C, "VM Exits". */
import { ENTRY_FAILURE, exitReason } from '../../arch/exit-reasons.ts';
import { FLAG } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { EXIT_CONTROL, INTERRUPTION, PIN } from '../../arch/vmx.ts';
import { upperHalf } from '../number64.ts';
import type { Registers } from '../registers.ts';
import type { SystemContext } from '../system/context.ts';
import type { DeliveredEvent } from '../system/event.ts';
import { isSoftware } from '../system/event.ts';
import { isProtected, refresh } from '../system/mode.ts';
import { loadPdptes, usesPdptes } from '../system/paging-registers.ts';
import { PREEMPTION_TIMER_SHIFT } from './capabilities.ts';
import { VMX_COST } from './costs.ts';
import { FieldTrace } from './field-trace.ts';
import { VMCS_WORD } from './format.ts';
import { saveGuestState, savePdptes } from './guest-state.ts';
import { loadHostState } from './host-state.ts';
import { loadMsrs, storeMsrs } from './msr-lists.ts';
import { VMX_MODE } from './state.ts';
import type { Vmx } from './vmx.ts';

/** VMX-abort indicators. SDM volume 3C, "VMX Aborts". */
const ABORT = { SAVING_MSRS: 1, HOST_PDPTES: 2, LOADING_MSRS: 4 } as const;

/** What is reported beside the reason. Absent details become 0. */
export interface ExitDetails {
  /** A number: bit patterns unsigned, addresses signed. */
  readonly qualification?: number;
  readonly instructionLength?: number;
  readonly instructionInfo?: number;
  /** The event that caused the exit. */
  readonly event?: DeliveredEvent | undefined;
  readonly linear?: number;
  /** Guest-physical address; absent: its field stays as it is. */
  readonly physical?: number;
  /** RFLAGS.RF of the saved state: set where the event would have pushed it set. */
  readonly resume?: boolean;
}

const NOTHING: ExitDetails = {};

/** An interruption-information word. Real-address mode has no error codes. */
function interruptionInfo(event: DeliveredEvent, r: Registers): number {
  const error = event.errorCode >= 0 && isProtected(r) ? INTERRUPTION.ERROR_CODE : 0;
  return INTERRUPTION.VALID | (event.type << INTERRUPTION.TYPE_SHIFT) | error | event.vector;
}

/** Takes a VM exit from guest execution: afterwards the host's state is in the registers. */
export function vmExit(vmx: Vmx, c: SystemContext, reason: number, details: ExitDetails = NOTHING): void {
  const { vmcs, registers: r } = vmx;
  const { event } = details;
  const qualification = details.qualification ?? 0;
  c.recorder?.({
    kind: 'exit',
    cause: exitReason(reason).name,
    detail: BigInt.asUintN(64, BigInt(qualification)),
  });
  const trace = FieldTrace.begin(c, vmcs);
  vmcs.set(FIELD.EXIT_REASON, reason);
  vmcs.set64(FIELD.EXIT_QUALIFICATION, qualification >>> 0, upperHalf(qualification));
  if (details.physical !== undefined) vmcs.setNumber(FIELD.GUEST_PHYSICAL_ADDRESS, details.physical);
  const linear = details.linear ?? 0;
  vmcs.set64(FIELD.GUEST_LINEAR_ADDRESS, linear >>> 0, upperHalf(linear));
  vmcs.set(FIELD.EXIT_INTERRUPTION_INFO, event ? interruptionInfo(event, r) : 0);
  vmcs.set(FIELD.EXIT_INTERRUPTION_ERROR, event && event.errorCode >= 0 ? event.errorCode : 0);
  const delivering = c.delivering;
  vmcs.set(FIELD.IDT_VECTORING_INFO, delivering ? interruptionInfo(delivering, r) : 0);
  vmcs.set(FIELD.IDT_VECTORING_ERROR, delivering && delivering.errorCode >= 0 ? delivering.errorCode : 0);
  const softwareLength = delivering && isSoftware(delivering.type) ? delivering.length : 0;
  vmcs.set(FIELD.EXIT_INSTRUCTION_LENGTH, details.instructionLength ?? softwareLength);
  vmcs.set(FIELD.EXIT_INSTRUCTION_INFO, details.instructionInfo ?? 0);
  const injected = vmcs.lo(FIELD.VM_ENTRY_INTERRUPTION_INFO);
  vmcs.set(FIELD.VM_ENTRY_INTERRUPTION_INFO, injected & ~INTERRUPTION.VALID);
  c.delivering = undefined;

  saveGuestState(r, vmcs);
  if (vmx.checks.ept) savePdptes(r, vmcs);
  vmcs.set64(FIELD.GUEST_RFLAGS, details.resume ? r.rflags | FLAG.RF : r.rflags, 0);
  saveTimer(vmx, c);
  const stored = storeMsrs(
    vmx.physical,
    vmx.msrs,
    vmcs.number(FIELD.VM_EXIT_MSR_STORE_ADDRESS),
    vmcs.lo(FIELD.VM_EXIT_MSR_STORE_COUNT),
  );
  trace?.saved();
  if (!stored) abort(vmx, c, ABORT.SAVING_MSRS);
  else enterHost(vmx, c);
}

/**
 * The VM exit of a VM entry that failed after the point of no return: no guest state was saved, and
 * only reason and qualification are reported.
 */
export function failedEntryExit(vmx: Vmx, c: SystemContext, reason: number, qualification: number): void {
  c.recorder?.({ kind: 'exit', cause: exitReason(reason).name, detail: BigInt(qualification) });
  vmx.vmcs.set(FIELD.EXIT_REASON, reason | ENTRY_FAILURE);
  vmx.vmcs.set64(FIELD.EXIT_QUALIFICATION, qualification, 0);
  enterHost(vmx, c);
}

function saveTimer(vmx: Vmx, c: SystemContext): void {
  const { vmcs, state } = vmx;
  const active = (vmcs.lo(FIELD.PIN_BASED_CONTROLS) & PIN.PREEMPTION_TIMER) !== 0;
  if (active && (vmcs.lo(FIELD.VM_EXIT_CONTROLS) & EXIT_CONTROL.SAVE_PREEMPTION_TIMER) !== 0) {
    const ticks = (at: number): number => Math.floor(at / 2 ** PREEMPTION_TIMER_SHIFT);
    const passed = ticks(c.now()) - ticks(state.timerStart);
    vmcs.set(FIELD.VMX_PREEMPTION_TIMER, Math.max(0, state.timerValue - passed));
  }
  state.disarm();
}

function enterHost(vmx: Vmx, c: SystemContext): void {
  const { vmcs, registers: r, state } = vmx;
  const trace = FieldTrace.begin(c, vmcs);
  state.mode = VMX_MODE.ROOT;
  loadHostState(r, vmcs);
  vmx.applyHostPaging();
  refresh(r);
  // A host with PAE paging whose PDPTEs have reserved bits set ends in a VMX abort.
  if (usesPdptes(c, r.cr0, r.cr4) && !loadPdptes(c, r.cr3)) abort(vmx, c, ABORT.HOST_PDPTES);
  c.charge(VMX_COST.EXIT);
  const failed = loadMsrs(
    vmx.physical,
    vmx.msrs,
    vmcs.number(FIELD.VM_EXIT_MSR_LOAD_ADDRESS),
    vmcs.lo(FIELD.VM_EXIT_MSR_LOAD_COUNT),
  );
  trace?.loaded('host');
  if (failed !== 0) abort(vmx, c, ABORT.LOADING_MSRS);
}

function abort(vmx: Vmx, c: SystemContext, indicator: number): void {
  vmx.vmcs.setHeader(VMCS_WORD.ABORT, indicator);
  c.stop({
    kind: 'unmodelled',
    what: `VMX abort ${indicator}: the processor has shut down`,
    rip: vmx.registers.rip,
  });
}
