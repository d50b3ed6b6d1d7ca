/** VMRUN behind its first checks. AMD APM volume 2, "VMRUN Instruction", "Event Injection". */
import { EFER, FLAG, VECTOR } from '../../arch/registers.ts';
import { EVENT, TLB_CONTROL } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB } from '../../arch/vmcb.ts';
import { signedNumber } from '../number64.ts';
import { FAULT_VM_EXIT, STATUS } from '../state.ts';
import type { SystemContext } from '../system/context.ts';
import { deliverEvent } from '../system/deliver.ts';
import { type DeliveredEvent, EVENT_TYPE, type EventType } from '../system/event.ts';
import { refresh } from '../system/mode.ts';
import { loadPdptes, usesPdptes } from '../system/paging-registers.ts';
import { firstFailure } from './checks.ts';
import { SVM_COST } from './costs.ts';
import { refuseEntry, vmExit } from './exit.ts';
import { loading } from './field-trace.ts';
import { loadGuest, saveHost } from './saved-state.ts';
import type { Svm } from './svm.ts';

/**
 * Enters the guest of the VMCB at a physical address. RIP is that behind VMRUN already. Afterwards the processor
 * is in the guest, or by a #VMEXIT back in the host.
 */
export function vmRun(svm: Svm, c: SystemContext, address: number): void {
  const { state, registers: r, vmcb } = svm;
  state.current = address;
  vmcb.select(address);
  c.charge(SVM_COST.ENTRY);
  svm.failedCheck = firstFailure(svm.runContext);
  c.recorder?.({ kind: 'entry', failed: svm.failedCheck?.explanation });
  if (svm.failedCheck !== undefined) {
    refuseEntry(svm, c);
    return;
  }
  const unmodelled = whatIsUnmodelled(svm);
  if (unmodelled !== undefined) {
    c.stop({ kind: 'unmodelled', what: unmodelled, rip: r.rip });
    return;
  }

  saveHost(r, svm.hostArea);
  const hostEfer = r.efer;
  state.hostIf = (r.systemFlags & FLAG.IF) !== 0;
  svm.controlTlb();
  loading(c, vmcb, 'guest', () => loadGuest(r, vmcb, svm.isNested));
  state.inGuest = true;
  state.gif = true;
  svm.applyGuestPaging(hostEfer);
  refresh(r);
  if (!takePdptes(svm, c)) return;
  if ((vmcb.lo(VMCB.EVENTINJ) & EVENT.VALID) !== 0) inject(svm, c);
}

/** What the VMCB asks for that this processor does not do. */
function whatIsUnmodelled(svm: Svm): string | undefined {
  const { state, registers: r, vmcb } = svm;
  if (!svm.hasPage(state.hostSaveArea)) return 'VMRUN with VM_HSAVE_PA outside RAM';
  if (svm.isNested && (r.efer & EFER.LMA) === 0) return 'nested paging by a host outside long mode';
  const control = vmcb.lo(VMCB.TLB_CONTROL);
  return KNOWN_TLB_CONTROLS.includes(control) ? undefined : `VMRUN with the reserved TLB_CONTROL ${control}`;
}

const KNOWN_TLB_CONTROLS: readonly number[] = Object.values(TLB_CONTROL);

/** PDPTEs of a guest with PAE paging. @returns false: there has been a #VMEXIT */
function takePdptes(svm: Svm, c: SystemContext): boolean {
  const { registers: r } = svm;
  if (!usesPdptes(c, r.cr0, r.cr4) || loadPdptes(c, r.cr3)) return true;
  if (r.faultVector === FAULT_VM_EXIT) svm.guestInterceptor.pendingExit();
  else vmExit(svm, c, SVM_EXIT.INVALID);
  return false;
}

const EVENT_TYPES: Readonly<Record<number, EventType>> = {
  [EVENT.TYPE.INTERRUPT]: EVENT_TYPE.EXTERNAL,
  [EVENT.TYPE.NMI]: EVENT_TYPE.NMI,
  [EVENT.TYPE.EXCEPTION]: EVENT_TYPE.EXCEPTION,
  [EVENT.TYPE.SOFTWARE_INTERRUPT]: EVENT_TYPE.SOFTWARE,
};

/** The event that EVENTINJ describes. #BP and #OF are those of INT3 and INTO, which return behind themselves. */
function injected(svm: Svm): DeliveredEvent {
  const { vmcb, registers: r } = svm;
  const word = vmcb.lo(VMCB.EVENTINJ);
  const vector = word & EVENT.VECTOR;
  const named = EVENT_TYPES[(word >> EVENT.TYPE_SHIFT) & EVENT.TYPE_MASK] as EventType;
  const isTrap = named === EVENT_TYPE.EXCEPTION && (vector === VECTOR.BP || vector === VECTOR.OF);
  const type = isTrap ? EVENT_TYPE.SOFTWARE_EXCEPTION : named;
  const isSoftware = isTrap || type === EVENT_TYPE.SOFTWARE;
  return {
    type,
    vector: type === EVENT_TYPE.NMI ? VECTOR.NMI : vector,
    errorCode: word & EVENT.ERROR_CODE_VALID ? vmcb.hi(VMCB.EVENTINJ) : -1,
    length: isSoftware ? signedNumber(vmcb.lo(VMCB.NRIP), vmcb.hi(VMCB.NRIP)) - r.rip : 0,
    detail: 0,
  };
}

function inject(svm: Svm, c: SystemContext): void {
  const event = injected(svm);
  const status = deliverEvent(c, event, true);
  if (status === STATUS.FAULT && svm.registers.faultVector === FAULT_VM_EXIT)
    svm.guestInterceptor.pendingExit();
}
