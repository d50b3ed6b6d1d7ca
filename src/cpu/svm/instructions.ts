/**
 * The SVM instructions. AMD APM volume 3, "System Instruction Reference". Each operation starts with the checks in
 * the manual's order: #UD, #GP(0) for CPL and operand, #VMEXIT.
 */
import { EFER, FLAG, GPR } from '../../arch/registers.ts';
import { VMCB_SIZE } from '../../arch/vmcb.ts';
import { signedNumber } from '../number64.ts';
import { PHYSICAL_BITS } from '../paging.ts';
import { STATUS } from '../state.ts';
import type { Status, SystemContext, SystemOperation } from '../system/context.ts';
import { generalProtection, undefinedOpcode } from '../system/fault.ts';
import type { InterceptedInstruction } from '../system/intercept.ts';
import { isProtected, refresh } from '../system/mode.ts';
import { advance } from '../system/operand.ts';
import { SVM_COST } from './costs.ts';
import { vmRun } from './run.ts';
import { loadMore, saveMore } from './saved-state.ts';
import { Svm } from './svm.ts';

/** The operand of an operation: the processor's SVM unit and the context. */
type SvmOperation = (svm: Svm, c: SystemContext) => Status;

const svmOf = ({ virtualization }: SystemContext): Svm | undefined =>
  virtualization instanceof Svm ? virtualization : undefined;

/** There are no SVM instructions without EFER.SVME, nor in real-address and virtual-8086 mode. */
const exists = ({ regs: r }: SystemContext): boolean =>
  (r.efer & EFER.SVME) !== 0 && isProtected(r) && (r.systemFlags & FLAG.VM) === 0;

const privileged =
  (kind: InterceptedInstruction, operation: SvmOperation): SystemOperation =>
  (c) => {
    const svm = svmOf(c);
    if (svm === undefined || !exists(c)) return undefinedOpcode(c);
    if (c.regs.cpl > 0) return generalProtection(c);
    if (c.interceptor?.instruction(kind)) return STATUS.EXIT;
    return operation(svm, c);
  };

/** rAX by the address size, a signed number. */
function addressInRax({ regs: r, record }: SystemContext): number {
  if (record.addressSize === 64) return signedNumber(r.gprLo(GPR.RAX), r.gprHi(GPR.RAX));
  return record.addressSize === 32 ? r.gprLo(GPR.RAX) : r.gprLo(GPR.RAX) & 0xffff;
}

/** The same for those that name a VMCB in rAX: a page within the physical-address width, and here of RAM. */
const ofVmcb =
  (
    kind: InterceptedInstruction,
    operation: (svm: Svm, c: SystemContext, address: number) => void,
  ): SystemOperation =>
  (c) => {
    const svm = svmOf(c);
    if (svm === undefined || !exists(c)) return undefinedOpcode(c);
    const address = addressInRax(c);
    const isPage = address >= 0 && address < 2 ** PHYSICAL_BITS && address % VMCB_SIZE === 0;
    if (c.regs.cpl > 0 || !isPage) return generalProtection(c);
    if (c.interceptor?.instruction(kind)) return STATUS.EXIT;
    if (!svm.hasPage(address)) {
      c.stop({ kind: 'unmodelled', what: `${kind.toUpperCase()} of a page outside RAM`, rip: c.regs.rip });
      return STATUS.EXIT;
    }
    advance(c);
    operation(svm, c, address);
    return STATUS.EXIT;
  };

function vmload(svm: Svm, c: SystemContext, address: number): void {
  svm.other.select(address);
  loadMore(c.regs, svm.other);
  refresh(c.regs);
  c.charge(SVM_COST.STATE);
}

function vmsave(svm: Svm, c: SystemContext, address: number): void {
  svm.other.select(address);
  saveMore(c.regs, svm.other);
  c.charge(SVM_COST.STATE);
}

/** What was held back is due at the next boundary. */
function stgi(svm: Svm, c: SystemContext): Status {
  svm.state.gif = true;
  c.charge(SVM_COST.FLAG);
  advance(c);
  return STATUS.EXIT;
}

function clgi(svm: Svm, c: SystemContext): Status {
  svm.state.gif = false;
  c.charge(SVM_COST.FLAG);
  return STATUS.NEXT;
}

/** The page at rAX under the address-space identifier in ECX. */
function invlpga(svm: Svm, c: SystemContext): Status {
  svm.translations.invalidatePage(addressInRax(c), c.regs.gprLo(GPR.RCX));
  advance(c);
  return STATUS.EXIT;
}

/** Of guests that are intercepted; #UD otherwise, also where there is no SVM in use. */
function vmmcall(c: SystemContext): Status {
  return c.interceptor?.instruction('vmmcall') ? STATUS.EXIT : undefinedOpcode(c);
}

/** By the names that the rows of src/isa/svm use. */
export const SVM_OPERATIONS: Readonly<Record<string, SystemOperation>> = {
  vmrun: ofVmcb('vmrun', vmRun),
  vmload: ofVmcb('vmload', vmload),
  vmsave: ofVmcb('vmsave', vmsave),
  vmmcall,
  stgi: privileged('stgi', stgi),
  clgi: privileged('clgi', clgi),
  invlpga: privileged('invlpga', invlpga),
};
