/**
 * SVM guest mode: what causes #VMEXITs. AMD APM volume 2, "Intercept Operation", "Instruction Intercepts",
 * "Exception Intercepts", "Interrupt Intercepts", "Virtual Interrupts".
 */
import { CR0, FLAG, SEG, VECTOR } from '../../arch/registers.ts';
import { IOIO, TASK_SWITCH_HIGH, V_INTR } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB } from '../../arch/vmcb.ts';
import { INTERRUPTIBILITY, STATE } from '../state.ts';
import type { SystemContext } from '../system/context.ts';
import { recordDetail } from '../system/deliver.ts';
import { type DeliveredEvent, EVENT_TYPE } from '../system/event.ts';
import type {
  ControlRegisterAccess,
  DebugRegisterAccess,
  InterceptedInstruction,
  Interceptor,
  PortAccess,
} from '../system/intercept.ts';
import { type ExitDetails, vmExit } from './exit.ts';
import { INSTRUCTION_EXITS } from './instruction-exits.ts';
import { interceptsMsr, interceptsPort } from './permission-maps.ts';
import type { Svm } from './svm.ts';

const SHADOW = INTERRUPTIBILITY.STI | INTERRUPTIBILITY.MOV_SS;
const ADDRESS_SIZE = { 16: IOIO.ADDRESS_16, 32: IOIO.ADDRESS_32, 64: IOIO.ADDRESS_64 } as const;

export class GuestInterceptor implements Interceptor {
  /** They wait for STGI. */
  readonly keepsSignals = true;
  private readonly svm: Svm;
  private readonly c: SystemContext;

  constructor(svm: Svm, context: SystemContext) {
    this.svm = svm;
    this.c = context;
  }

  // --- instructions -----------------------------------------------------------------------------

  instruction(kind: InterceptedInstruction): boolean {
    const code = INSTRUCTION_EXITS[kind];
    return code >= 0 && this.exitOfInstruction(code);
  }

  interceptsFlags(): boolean {
    const { vmcb } = this.svm;
    return vmcb.intercepts(SVM_EXIT.PUSHF) || vmcb.intercepts(SVM_EXIT.POPF);
  }

  controlRegister(access: ControlRegisterAccess): boolean {
    const { register, kind } = access;
    if (kind === 'from') return this.exitOfInstruction(SVM_EXIT.CR0_READ + register);
    if (this.exitOfInstruction(SVM_EXIT.CR0_WRITE + register)) return true;
    return this.changesCr0(access) && this.exitOfInstruction(SVM_EXIT.CR0_SEL_WRITE);
  }

  /** What the selective intercept looks at: bits other than TS and MP. LMSW writes bits 3:0. */
  private changesCr0({ register, kind, lo }: ControlRegisterAccess): boolean {
    if (register !== 0 || kind === 'clts') return false;
    const changed = (lo ^ this.svm.registers.cr0) & ~(CR0.TS | CR0.MP | CR0.ET);
    return (kind === 'lmsw' ? changed & 0xf : changed) !== 0;
  }

  readShadow(_register: 0 | 4, actual: number): number {
    return actual;
  }

  merge(_register: 0 | 4, value: number): number {
    return value;
  }

  debugRegister({ register, write }: DebugRegisterAccess): boolean {
    return this.exitOfInstruction((write ? SVM_EXIT.DR0_WRITE : SVM_EXIT.DR0_READ) + register);
  }

  port({ port, size, input, string, rep }: PortAccess): boolean {
    const { svm } = this;
    if (!svm.vmcb.intercepts(SVM_EXIT.IOIO)) return false;
    if (!interceptsPort(svm.physical, mapAddress(svm.vmcb.number(VMCB.IOPM_BASE_PA)), port, size))
      return false;
    const { record } = this.c;
    const info1 =
      (input ? IOIO.IN : 0) |
      (string ? IOIO.STRING : 0) |
      (rep ? IOIO.REP : 0) |
      (IOIO.SIZE_8 << Math.log2(size)) |
      ADDRESS_SIZE[record.addressSize] |
      (string ? (input ? SEG.ES : record.segment) << IOIO.SEGMENT_SHIFT : 0) |
      (port << IOIO.PORT_SHIFT);
    return this.exitOfInstruction(SVM_EXIT.IOIO, { info1, info2: this.nextRip });
  }

  msr(index: number, write: boolean): boolean {
    const { svm } = this;
    if (!svm.vmcb.intercepts(SVM_EXIT.MSR)) return false;
    if (!interceptsMsr(svm.physical, mapAddress(svm.vmcb.number(VMCB.MSRPM_BASE_PA)), index, write))
      return false;
    return this.exitOfInstruction(SVM_EXIT.MSR, { info1: write ? 1 : 0 });
  }

  tscOffset(): number {
    const { vmcb } = this.svm;
    return vmcb.hi(VMCB.TSC_OFFSET) * 0x1_0000_0000 + (vmcb.lo(VMCB.TSC_OFFSET) >>> 0);
  }

  allowsRdtscp(): boolean {
    return true;
  }

  allowsInvpcid(): boolean {
    return true;
  }

  /** Under V_INTR_MASKING, CR8 is the VMCB's V_TPR. */
  readTaskPriority(): number | undefined {
    const control = this.svm.vmcb.lo(VMCB.V_INTR);
    return control & V_INTR.MASKING ? control & V_INTR.TPR : undefined;
  }

  writeTaskPriority(value: number): boolean {
    const { vmcb } = this.svm;
    const control = vmcb.lo(VMCB.V_INTR);
    if ((control & V_INTR.MASKING) === 0) return false;
    vmcb.set(VMCB.V_INTR, (control & ~V_INTR.TPR) | value);
    return true;
  }

  // --- events -----------------------------------------------------------------------------------

  exception(event: DeliveredEvent): boolean {
    const { type, vector, errorCode } = event;
    if (type === EVENT_TYPE.PRIVILEGED_SOFTWARE && this.exitOfInstruction(SVM_EXIT.ICEBP)) return true;
    const code = SVM_EXIT.EXCEPTION + vector;
    if (!this.svm.vmcb.intercepts(code)) return false;
    // DR6 is as the handler would see it; CR2 is not changed.
    if (vector === VECTOR.DB) recordDetail(this.c, event);
    return this.exit(code, {
      info1: Math.max(0, errorCode),
      ...(vector === VECTOR.PF ? { info2: event.detail } : {}),
      ...(type === EVENT_TYPE.SOFTWARE_EXCEPTION ? { nextRip: this.nextRip } : {}),
    });
  }

  taskSwitch(selector: number, source: 'call' | 'iret' | 'jmp' | 'gate', errorCode: number): boolean {
    const { rflags } = this.svm.registers;
    const high =
      (source === 'iret' ? TASK_SWITCH_HIGH.IRET : 0) |
      (source === 'jmp' ? TASK_SWITCH_HIGH.JUMP : 0) |
      (errorCode >= 0 ? TASK_SWITCH_HIGH.ERROR_CODE : 0) |
      (rflags & FLAG.RF ? TASK_SWITCH_HIGH.RF : 0);
    const info2 = high * 0x1_0000_0000 + Math.max(0, errorCode);
    return this.exitIf(SVM_EXIT.TASK_SWITCH, { info1: selector, info2 });
  }

  tripleFault(): boolean {
    return this.exitIf(SVM_EXIT.SHUTDOWN);
  }

  /** The interrupt is not acknowledged: it waits for STGI. */
  externalInterrupt(): boolean {
    return this.admitsInterrupts() && this.exitIf(SVM_EXIT.INTR);
  }

  /** Under V_INTR_MASKING the host's RFLAGS.IF decides, else the guest's. */
  admitsInterrupts(): boolean {
    const { vmcb, state, registers: r } = this.svm;
    if ((vmcb.lo(VMCB.V_INTR) & V_INTR.MASKING) !== 0) return state.hostIf;
    return (r.systemFlags & FLAG.IF) !== 0;
  }

  nmi(): boolean {
    return this.exitIf(SVM_EXIT.NMI);
  }

  nmiBlocking(): number {
    return INTERRUPTIBILITY.NMI | INTERRUPTIBILITY.MOV_SS;
  }

  iretUnblocksNmi(): boolean {
    return true;
  }

  init(): boolean {
    return this.exitIf(SVM_EXIT.INIT);
  }

  startup(): boolean {
    return false;
  }

  virtualInterrupt(deliver: (vector: number) => void): boolean {
    const { vmcb, registers: r } = this.svm;
    const control = vmcb.lo(VMCB.V_INTR);
    const isOpen = (r.systemFlags & FLAG.IF) !== 0 && (r.interruptibility & SHADOW) === 0;
    if ((control & V_INTR.IRQ) === 0 || !isOpen) return false;
    const priority = (control >> V_INTR.PRIORITY_SHIFT) & 0xf;
    if ((control & V_INTR.IGNORE_TPR) === 0 && priority <= (control & V_INTR.TPR)) return false;
    if (this.exitIf(SVM_EXIT.VINTR)) return true;
    vmcb.set(VMCB.V_INTR, control & ~V_INTR.IRQ);
    deliver(vmcb.lo(VMCB.V_INTR_VECTOR));
    return true;
  }

  awaitsInterruptWindow(): boolean {
    return (this.svm.vmcb.lo(VMCB.V_INTR) & V_INTR.IRQ) !== 0;
  }

  // --- instruction boundaries -------------------------------------------------------------------

  boundary(): boolean {
    return false;
  }

  deadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** Takes the nested page fault that a memory access recorded (FAULT_VM_EXIT). */
  pendingExit(): void {
    const { info1, guestPhysical } = this.svm.state.fault;
    vmExit(this.svm, this.c, SVM_EXIT.NPF, { info1, info2: guestPhysical });
  }

  // --- inside -----------------------------------------------------------------------------------

  private get nextRip(): number {
    const { regs, record } = this.c;
    const next = regs.rip + record.length;
    return regs.hi(STATE.ADDRESS_MASK) === 0 ? next >>> 0 : next;
  }

  private exitOfInstruction(code: number, details: ExitDetails = {}): boolean {
    return this.svm.vmcb.intercepts(code) && this.exit(code, { ...details, nextRip: this.nextRip });
  }

  private exitIf(code: number, details?: ExitDetails): boolean {
    return this.svm.vmcb.intercepts(code) && this.exit(code, details);
  }

  private exit(code: number, details?: ExitDetails): true {
    vmExit(this.svm, this.c, code, details);
    return true;
  }
}

/** Bits 11:0 of the address of a permission map are ignored. */
const mapAddress = (address: number): number => address - (address % 0x1000);
