/** VM entries: VMLAUNCH and VMRESUME behind their first checks. SDM volume 3C, "VM Entries". */
import { EXIT } from '../../arch/exit-reasons.ts';
import { EFER, VECTOR } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import {
  ACTIVITY,
  BLOCKING,
  ENTRY_FAILURE_QUALIFICATION,
  INTERRUPTION,
  INTERRUPTION_TYPE,
  PIN,
  PRIMARY,
  VM_ERROR,
} from '../../arch/vmx.ts';
import { FAULT_VM_EXIT, STATUS } from '../state.ts';
import type { SystemContext } from '../system/context.ts';
import { deliverEvent } from '../system/deliver.ts';
import type { DeliveredEvent, EventType } from '../system/event.ts';
import { refresh } from '../system/mode.ts';
import { loadPdptes, usesPdptes } from '../system/paging-registers.ts';
import { PREEMPTION_TIMER_SHIFT } from './capabilities.ts';
import { firstFailure } from './check.ts';
import { EXECUTION_CHECKS, INJECTION_CHECKS } from './check-controls.ts';
import { failureQualification, GUEST_CHECKS } from './check-guest.ts';
import { HOST_CHECKS } from './check-host.ts';
import { VMX_COST } from './costs.ts';
import { failedEntryExit } from './exit.ts';
import { FieldTrace } from './field-trace.ts';
import { VMCS_WORD } from './format.ts';
import { loadGuestState, loadPdpteFields } from './guest-state.ts';
import { loadMsrs } from './msr-lists.ts';
import { VMX_MODE } from './state.ts';
import type { Vmx } from './vmx.ts';

export const LAUNCH_STATE = { CLEAR: 0, LAUNCHED: 1 } as const;

/**
 * Enters the guest of the current VMCS. The answer is a VM-instruction error, or 0 when the
 * processor is in the guest or, after a later failure, back in the host by a VM exit.
 */
export function vmEntry(vmx: Vmx, c: SystemContext, launch: boolean): number {
  const { vmcs, registers: r, checks, state } = vmx;
  vmx.failedCheck = undefined;
  if ((r.interruptibility & BLOCKING.MOV_SS) !== 0) return VM_ERROR.ENTRY_BLOCKED_BY_MOV_SS;
  const launched = vmcs.header(VMCS_WORD.LAUNCH_STATE) === LAUNCH_STATE.LAUNCHED;
  if (launch && launched) return VM_ERROR.VMLAUNCH_NOT_CLEAR;
  if (!launch && !launched) return VM_ERROR.VMRESUME_NOT_LAUNCHED;

  checks.load((r.efer & EFER.LMA) !== 0);
  const injects = (checks.injection & INTERRUPTION.VALID) !== 0;
  vmx.failedCheck =
    firstFailure(EXECUTION_CHECKS, checks) ?? (injects ? firstFailure(INJECTION_CHECKS, checks) : undefined);
  if (vmx.failedCheck !== undefined) {
    recordEntry(vmx, c);
    return VM_ERROR.ENTRY_INVALID_CONTROLS;
  }
  vmx.failedCheck = firstFailure(HOST_CHECKS, checks);
  if (vmx.failedCheck !== undefined) {
    recordEntry(vmx, c);
    return VM_ERROR.ENTRY_INVALID_HOST_STATE;
  }

  c.charge(VMX_COST.ENTRY);
  vmx.failedCheck = firstFailure(GUEST_CHECKS, checks);
  recordEntry(vmx, c);
  if (vmx.failedCheck !== undefined) {
    failedEntryExit(vmx, c, EXIT.ENTRY_FAILURE_GUEST_STATE, failureQualification(vmx.failedCheck));
    return 0;
  }
  if (launch) vmcs.setHeader(VMCS_WORD.LAUNCH_STATE, LAUNCH_STATE.LAUNCHED);

  const trace = FieldTrace.begin(c, vmcs);
  loadGuestState(r, vmcs);
  state.mode = VMX_MODE.NON_ROOT;
  vmx.applyGuestPaging();
  refresh(r);
  if (!takePdptes(vmx, c)) {
    trace?.end();
    failedEntryExit(vmx, c, EXIT.ENTRY_FAILURE_GUEST_STATE, ENTRY_FAILURE_QUALIFICATION.PDPTE);
    return 0;
  }
  const failed = loadMsrs(
    vmx.physical,
    vmx.msrs,
    vmcs.number(FIELD.VM_ENTRY_MSR_LOAD_ADDRESS),
    vmcs.lo(FIELD.VM_ENTRY_MSR_LOAD_COUNT),
  );
  trace?.loaded('guest');
  if (failed !== 0) {
    failedEntryExit(vmx, c, EXIT.ENTRY_FAILURE_MSR_LOADING, failed);
    return 0;
  }
  startTimers(vmx, c);
  if (injects) inject(vmx, c);
  return 0;
}

function recordEntry({ failedCheck }: Vmx, { recorder }: SystemContext): void {
  recorder?.({ kind: 'entry', failed: failedCheck?.explanation });
}

/** PDPTEs of a guest with PAE paging: from the VMCS under EPT, from memory at CR3 otherwise. */
function takePdptes(vmx: Vmx, c: SystemContext): boolean {
  const { registers: r, vmcs, checks } = vmx;
  if (!usesPdptes(c, r.cr0, r.cr4)) return true;
  if (!checks.ept) return loadPdptes(c, r.cr3);
  loadPdpteFields(r, vmcs);
  return true;
}

function startTimers(vmx: Vmx, c: SystemContext): void {
  const { vmcs, state, checks } = vmx;
  state.disarm();
  if (checks.pin & PIN.PREEMPTION_TIMER) {
    const now = c.now();
    const unit = 2 ** PREEMPTION_TIMER_SHIFT;
    state.timerValue = vmcs.lo(FIELD.VMX_PREEMPTION_TIMER) >>> 0;
    state.timerStart = now;
    state.timerDeadline = (Math.floor(now / unit) + state.timerValue) * unit;
  }
  if (checks.primary & PRIMARY.MONITOR_TRAP_FLAG) vmx.guestInterceptor.armTrap();
}

function inject(vmx: Vmx, c: SystemContext): void {
  const { vmcs, checks } = vmx;
  const type = (checks.injection >> INTERRUPTION.TYPE_SHIFT) & 7;
  const interceptor = vmx.guestInterceptor;
  if (type === INTERRUPTION_TYPE.OTHER_EVENT) {
    interceptor.trapNow();
    return;
  }
  const vector = checks.injection & INTERRUPTION.VECTOR;
  const software =
    type === INTERRUPTION_TYPE.SOFTWARE_INTERRUPT ||
    type === INTERRUPTION_TYPE.PRIVILEGED_SOFTWARE_EXCEPTION ||
    type === INTERRUPTION_TYPE.SOFTWARE_EXCEPTION;
  const event: DeliveredEvent = {
    type: type as EventType,
    vector,
    errorCode: checks.injection & INTERRUPTION.ERROR_CODE ? vmcs.lo(FIELD.VM_ENTRY_EXCEPTION_ERROR) : -1,
    length: software ? vmcs.lo(FIELD.VM_ENTRY_INSTRUCTION_LENGTH) : 0,
    // CR2 and DR6 are the host's to set: what is injected is taken from there.
    detail: vector === VECTOR.PF ? vmx.registers.cr2 : 0,
  };
  vmx.registers.activity = ACTIVITY.ACTIVE;
  interceptor.beginInjection(event);
  const status = deliverEvent(c, event);
  interceptor.endInjection();
  if (status === STATUS.FAULT && vmx.registers.faultVector === FAULT_VM_EXIT) interceptor.pendingExit();
  else if (checks.primary & PRIMARY.MONITOR_TRAP_FLAG && vmx.inGuest) interceptor.trapNow();
}
