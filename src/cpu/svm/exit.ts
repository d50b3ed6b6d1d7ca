/** #VMEXIT. AMD APM volume 2, "#VMEXIT", "Exit Information". */

import { hasFeature } from '../../arch/cpuid.ts';
import { EVENT } from '../../arch/svm.ts';
import { SVM_EXIT, svmExitText } from '../../arch/svm-exits.ts';
import { VMCB } from '../../arch/vmcb.ts';
import type { SystemContext } from '../system/context.ts';
import { type DeliveredEvent, EVENT_TYPE, type EventType } from '../system/event.ts';
import { refresh } from '../system/mode.ts';
import { loadPdptes, usesPdptes } from '../system/paging-registers.ts';
import { SVM_COST } from './costs.ts';
import { loading, saving } from './field-trace.ts';
import { loadHost, saveGuest } from './saved-state.ts';
import type { Svm } from './svm.ts';

/** What is reported beside the code. Absent details become 0. */
export interface ExitDetails {
  /** EXITINFO1 and 2 as numbers; addresses are signed. */
  readonly info1?: number;
  readonly info2?: number;
  /** RIP behind the intercepted instruction. */
  readonly nextRip?: number;
}

const NOTHING: ExitDetails = {};

/** Types of EXITINTINFO: software exceptions are exceptions there. */
const TYPES: Readonly<Record<EventType, number>> = {
  [EVENT_TYPE.EXTERNAL]: EVENT.TYPE.INTERRUPT,
  [EVENT_TYPE.NMI]: EVENT.TYPE.NMI,
  [EVENT_TYPE.EXCEPTION]: EVENT.TYPE.EXCEPTION,
  [EVENT_TYPE.SOFTWARE]: EVENT.TYPE.SOFTWARE_INTERRUPT,
  [EVENT_TYPE.PRIVILEGED_SOFTWARE]: EVENT.TYPE.EXCEPTION,
  [EVENT_TYPE.SOFTWARE_EXCEPTION]: EVENT.TYPE.EXCEPTION,
};

function eventWord({ type, vector, errorCode }: DeliveredEvent): number {
  return (
    EVENT.VALID | (TYPES[type] << EVENT.TYPE_SHIFT) | vector | (errorCode >= 0 ? EVENT.ERROR_CODE_VALID : 0)
  );
}

function report(svm: Svm, c: SystemContext, code: number, details: ExitDetails): void {
  const { vmcb } = svm;
  const { delivering } = c;
  vmcb.set(VMCB.EXITCODE, code, code >> 31);
  vmcb.setNumber(VMCB.EXITINFO1, details.info1 ?? 0);
  vmcb.setNumber(VMCB.EXITINFO2, details.info2 ?? 0);
  vmcb.set(VMCB.EXITINTINFO, delivering ? eventWord(delivering) : 0, Math.max(0, delivering?.errorCode ?? 0));
  vmcb.set(VMCB.EVENTINJ, 0);
  if (hasFeature(c.cpuid, 'nrip_save')) vmcb.setNumber(VMCB.NRIP, details.nextRip ?? 0);
}

/** VMRUN has found an inconsistent VMCB: nothing but the reason is written, and the host goes on behind VMRUN. */
export function refuseEntry(svm: Svm, c: SystemContext): void {
  report(svm, c, SVM_EXIT.INVALID, NOTHING);
  svm.state.gif = false;
  c.charge(SVM_COST.EXIT);
}

/** Leaves the guest: afterwards the host's state is in the registers, with the global interrupt flag 0. */
export function vmExit(svm: Svm, c: SystemContext, code: number, details: ExitDetails = NOTHING): void {
  const { registers: r, state, vmcb } = svm;
  const [cause] = svmExitText(code) ?? [`exit code ${code.toString(16)}h`];
  c.recorder?.({ kind: 'exit', cause, detail: BigInt(details.info1 ?? 0) });
  saving(c, vmcb, () => {
    report(svm, c, code, details);
    saveGuest(r, vmcb, svm.secondDimension.active);
  });
  c.delivering = undefined;
  enterHost(svm, c);
  state.gif = false;
}

function enterHost(svm: Svm, c: SystemContext): void {
  const { registers: r, state } = svm;
  state.inGuest = false;
  loading(c, svm.hostArea, 'host', () => loadHost(r, svm.hostArea, svm.secondDimension.active));
  svm.applyHostPaging();
  refresh(r);
  c.charge(SVM_COST.EXIT);
  if (!usesPdptes(c, r.cr0, r.cr4) || loadPdptes(c, r.cr3)) return;
  const what = '#VMEXIT to a host whose page-directory-pointer table is invalid: the processor has shut down';
  c.stop({ kind: 'unmodelled', what, rip: r.rip });
}
