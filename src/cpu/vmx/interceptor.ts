/**
 * VMX non-root operation: what causes VM exits. SDM volume 3C, "Instructions That Cause VM Exits",
 * "Other Causes of VM Exits".
 */
import { EXIT } from '../../arch/exit-reasons.ts';
import { CR0, FLAG, GPR, SEG, VECTOR } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import {
  ACTIVITY,
  BLOCKING,
  CR_ACCESS,
  DR_ACCESS,
  EXIT_CONTROL,
  IO_ACCESS,
  PIN,
  PRIMARY,
  SECONDARY,
  TASK_SWITCH,
} from '../../arch/vmx.ts';
import { signedNumber } from '../number64.ts';
import { STATE } from '../state.ts';
import type { SystemContext } from '../system/context.ts';
import { type DeliveredEvent, EVENT_TYPE } from '../system/event.ts';
import type {
  ControlRegisterAccess,
  DebugRegisterAccess,
  InterceptedInstruction,
  Interceptor,
  PortAccess,
} from '../system/intercept.ts';
import { ioExits, msrExits } from './bitmaps.ts';
import { type ExitDetails, vmExit } from './exit.ts';
import { INSTRUCTION_EXITS } from './instruction-exits.ts';
import { instructionInfo, reportsDisplacement, stringIoInfo } from './instruction-info.ts';
import type { Vmx } from './vmx.ts';

export class GuestInterceptor implements Interceptor {
  private readonly vmx: Vmx;
  private readonly c: SystemContext;
  private injected: DeliveredEvent | undefined;

  constructor(vmx: Vmx, context: SystemContext) {
    this.vmx = vmx;
    this.c = context;
  }

  // --- instructions -----------------------------------------------------------------------------

  instruction(kind: InterceptedInstruction): boolean {
    const { reason, when } = INSTRUCTION_EXITS[kind];
    if (reason < 0 || !when(this.vmx.checks.primary, this.vmx.checks.secondary)) return false;
    return this.exitOfInstruction(reason, {
      qualification: this.qualification(kind),
      instructionInfo: instructionInfo(kind, this.c),
    });
  }

  interceptsFlags(): boolean {
    return false;
  }

  private qualification(kind: InterceptedInstruction): number {
    const { record, regs } = this.c;
    if (kind === 'invlpg') {
      const offset = record.offset;
      const base = regs.address(STATE.EFFECTIVE_BASE + 8 * record.segment);
      return regs.hi(STATE.ADDRESS_MASK) === 0 ? (offset + base) >>> 0 : offset + base;
    }
    return reportsDisplacement(kind, this.c) ? record.displacement : 0;
  }

  controlRegister(access: ControlRegisterAccess): boolean {
    const { register, kind, gpr, lo } = access;
    if (!this.controlRegisterExits(access)) return false;
    const type =
      CR_ACCESS.TYPE[({ to: 'MOV_TO', from: 'MOV_FROM', clts: 'CLTS', lmsw: 'LMSW' } as const)[kind]];
    const lmsw = kind === 'lmsw';
    const { record } = this.c;
    const memory = lmsw && record.isMemory;
    return this.exitOfInstruction(EXIT.CR_ACCESS, {
      qualification:
        (register |
          (type << CR_ACCESS.TYPE_SHIFT) |
          (memory ? CR_ACCESS.LMSW_MEMORY : 0) |
          (gpr << CR_ACCESS.REGISTER_SHIFT) |
          (lmsw ? (lo & 0xffff) << CR_ACCESS.LMSW_SOURCE_SHIFT : 0)) >>>
        0,
      ...(memory ? { linear: this.linear(record.segment, record.offset) } : {}),
    });
  }

  private controlRegisterExits({ register, kind, lo, hi }: ControlRegisterAccess): boolean {
    const { vmcs, checks } = this.vmx;
    if (register === 0 || register === 4) {
      if (kind === 'from') return false;
      const mask = vmcs.lo(register === 0 ? FIELD.CR0_GUEST_HOST_MASK : FIELD.CR4_GUEST_HOST_MASK);
      const shadow = vmcs.lo(register === 0 ? FIELD.CR0_READ_SHADOW : FIELD.CR4_READ_SHADOW);
      if (kind === 'clts') return (mask & shadow & CR0.TS) !== 0;
      const differs = mask & (lo ^ shadow);
      if (kind === 'to') return differs !== 0;
      // LMSW writes bits 3:0 and can set PE but not clear it.
      return (differs & 0xe) !== 0 || (differs & lo & CR0.PE) !== 0;
    }
    if (register === 3) {
      if (kind === 'from') return (checks.primary & PRIMARY.CR3_STORE_EXITING) !== 0;
      return (checks.primary & PRIMARY.CR3_LOAD_EXITING) !== 0 && !this.isCr3Target(lo, hi);
    }
    if (register === 8) {
      const control = kind === 'from' ? PRIMARY.CR8_STORE_EXITING : PRIMARY.CR8_LOAD_EXITING;
      return (checks.primary & control) !== 0;
    }
    return false;
  }

  private isCr3Target(lo: number, hi: number): boolean {
    const { vmcs } = this.vmx;
    const count = vmcs.lo(FIELD.CR3_TARGET_COUNT);
    for (let i = 0; i < count; i++) {
      const field = FIELD.CR3_TARGET_VALUE0 + 2 * i;
      if (vmcs.lo(field) === (lo | 0) && vmcs.hi(field) === (hi | 0)) return true;
    }
    return false;
  }

  readShadow(register: 0 | 4, actual: number): number {
    const { vmcs } = this.vmx;
    const mask = vmcs.lo(register === 0 ? FIELD.CR0_GUEST_HOST_MASK : FIELD.CR4_GUEST_HOST_MASK);
    const shadow = vmcs.lo(register === 0 ? FIELD.CR0_READ_SHADOW : FIELD.CR4_READ_SHADOW);
    return (actual & ~mask) | (shadow & mask);
  }

  merge(register: 0 | 4, value: number, actual: number): number {
    const mask = this.vmx.vmcs.lo(register === 0 ? FIELD.CR0_GUEST_HOST_MASK : FIELD.CR4_GUEST_HOST_MASK);
    return (value & ~mask) | (actual & mask);
  }

  debugRegister({ register, write, gpr }: DebugRegisterAccess): boolean {
    if ((this.vmx.checks.primary & PRIMARY.MOV_DR_EXITING) === 0) return false;
    return this.exitOfInstruction(EXIT.MOV_DR, {
      qualification: register | (write ? 0 : DR_ACCESS.FROM) | (gpr << DR_ACCESS.REGISTER_SHIFT),
    });
  }

  port({ port, size, input, string, rep, immediate }: PortAccess): boolean {
    if (!ioExits(this.vmx, port, size)) return false;
    const { record, regs } = this.c;
    return this.exitOfInstruction(EXIT.IO_INSTRUCTION, {
      qualification:
        ((size - 1) |
          (input ? IO_ACCESS.IN : 0) |
          (string ? IO_ACCESS.STRING : 0) |
          (rep ? IO_ACCESS.REP : 0) |
          (immediate ? IO_ACCESS.IMMEDIATE : 0) |
          (port << IO_ACCESS.PORT_SHIFT)) >>>
        0,
      ...(string
        ? {
            instructionInfo: stringIoInfo(record, input),
            linear: input
              ? this.linear(SEG.ES, addressSized(record.addressSize, regs.gpr(GPR.RDI)))
              : this.linear(record.segment, addressSized(record.addressSize, regs.gpr(GPR.RSI))),
          }
        : {}),
    });
  }

  msr(index: number, write: boolean): boolean {
    if (!msrExits(this.vmx, index, write)) return false;
    return this.exitOfInstruction(write ? EXIT.WRMSR : EXIT.RDMSR);
  }

  tscOffset(): number {
    const { vmcs, checks } = this.vmx;
    if ((checks.primary & PRIMARY.TSC_OFFSETTING) === 0) return 0;
    return vmcs.hi(FIELD.TSC_OFFSET) * 0x1_0000_0000 + (vmcs.lo(FIELD.TSC_OFFSET) >>> 0);
  }

  allowsRdtscp(): boolean {
    return (this.vmx.checks.secondary & SECONDARY.RDTSCP) !== 0;
  }

  allowsInvpcid(): boolean {
    return (this.vmx.checks.secondary & SECONDARY.INVPCID) !== 0;
  }

  // --- events -----------------------------------------------------------------------------------

  /** An event that VM entry injects is not subject to the exception bitmap; what its delivery raises is. */
  beginInjection(event: DeliveredEvent): void {
    this.injected = event;
  }

  endInjection(): void {
    this.injected = undefined;
  }

  exception(event: DeliveredEvent): boolean {
    if (event === this.injected || event.type === EVENT_TYPE.NMI || event.type === EVENT_TYPE.SOFTWARE)
      return false;
    const { vmcs } = this.vmx;
    const selected = (vmcs.lo(FIELD.EXCEPTION_BITMAP) >>> event.vector) & 1;
    if (event.vector === VECTOR.PF) {
      const matches =
        (event.errorCode & vmcs.lo(FIELD.PAGE_FAULT_ERROR_MASK)) === vmcs.lo(FIELD.PAGE_FAULT_ERROR_MATCH);
      if ((selected !== 0) !== matches) return false;
    } else if (selected === 0) {
      return false;
    }
    const reportsDetail = event.vector === VECTOR.PF || event.vector === VECTOR.DB;
    return this.exit(EXIT.EXCEPTION_OR_NMI, {
      event,
      qualification: reportsDetail ? event.detail : 0,
      ...(event.length > 0 ? { instructionLength: event.length } : {}),
      resume: isFault(event),
    });
  }

  taskSwitch(selector: number, source: 'call' | 'iret' | 'jmp' | 'gate', errorCode: number): boolean {
    void errorCode;
    const code =
      TASK_SWITCH.SOURCE[({ call: 'CALL', iret: 'IRET', jmp: 'JMP', gate: 'TASK_GATE' } as const)[source]];
    const { delivering, record } = this.c;
    return this.exit(EXIT.TASK_SWITCH, {
      // Unsigned: the source is in the topmost bits.
      qualification: ((code << TASK_SWITCH.SOURCE_SHIFT) | selector) >>> 0,
      instructionLength: delivering ? delivering.length : record.length,
    });
  }

  tripleFault(): boolean {
    return this.exit(EXIT.TRIPLE_FAULT);
  }

  externalInterrupt(): boolean {
    if ((this.vmx.checks.pin & PIN.EXTERNAL_INTERRUPT_EXITING) === 0) return false;
    const acknowledge = (this.vmx.checks.exit & EXIT_CONTROL.ACKNOWLEDGE_INTERRUPT) !== 0;
    if (!acknowledge) return this.exit(EXIT.EXTERNAL_INTERRUPT);
    const vector = this.c.interrupts.acknowledge();
    // Nothing deliverable after all: the processor reports no exit.
    if (vector < 0) return false;
    return this.exit(EXIT.EXTERNAL_INTERRUPT, {
      event: { type: EVENT_TYPE.EXTERNAL, vector, errorCode: -1, length: 0, detail: 0 },
    });
  }

  nmi(): boolean {
    if ((this.vmx.checks.pin & PIN.NMI_EXITING) === 0) return false;
    this.exit(EXIT.EXCEPTION_OR_NMI, {
      event: { type: EVENT_TYPE.NMI, vector: VECTOR.NMI, errorCode: -1, length: 0, detail: 0 },
    });
    // The NMI counts as delivered to the host: others wait for its IRET.
    this.vmx.registers.interruptibility |= BLOCKING.NMI;
    return true;
  }

  readonly keepsSignals = false;

  admitsInterrupts(): boolean {
    const exits = (this.vmx.checks.pin & PIN.EXTERNAL_INTERRUPT_EXITING) !== 0;
    return exits || (this.vmx.registers.systemFlags & FLAG.IF) !== 0;
  }

  /** They come with a virtual APIC page, which is not modelled. */
  virtualInterrupt(): boolean {
    return false;
  }

  readTaskPriority(): undefined {}

  writeTaskPriority(): boolean {
    return false;
  }

  nmiBlocking(): number {
    return (this.vmx.checks.pin & PIN.VIRTUAL_NMIS) !== 0 ? 0 : BLOCKING.NMI | BLOCKING.MOV_SS;
  }

  /** Under NMI exiting the blocking of NMIs is the host's to end; with virtual NMIs the bit is the guest's. */
  iretUnblocksNmi(): boolean {
    return (this.vmx.checks.pin & PIN.NMI_EXITING) === 0 || (this.vmx.checks.pin & PIN.VIRTUAL_NMIS) !== 0;
  }

  init(): boolean {
    if (this.vmx.registers.activity === ACTIVITY.WAIT_FOR_SIPI) return false;
    return this.exit(EXIT.INIT);
  }

  startup(vector: number): boolean {
    if (this.vmx.registers.activity !== ACTIVITY.WAIT_FOR_SIPI) return false;
    return this.exit(EXIT.SIPI, { qualification: vector });
  }

  // --- instruction boundaries -------------------------------------------------------------------

  /** The monitor trap flag is on: exit after one instruction. */
  armTrap(): void {
    this.vmx.state.trapFrom = this.c.now();
  }

  /** A monitor trap flag exit is due before the next instruction. */
  trapNow(): void {
    this.vmx.state.trapFrom = Number.NEGATIVE_INFINITY;
  }

  deadline(): number {
    const { timerDeadline, trapFrom } = this.vmx.state;
    return trapFrom === -1 ? timerDeadline : Math.min(timerDeadline, trapFrom + 1);
  }

  boundary(): boolean {
    const { state, checks, registers: r } = this.vmx;
    const now = this.c.now();
    if (state.trapFrom !== -1 && now > state.trapFrom && r.activity === ACTIVITY.ACTIVE) {
      return this.exit(EXIT.MONITOR_TRAP_FLAG);
    }
    if (now >= state.timerDeadline) return this.exit(EXIT.PREEMPTION_TIMER);
    if ((checks.primary & (PRIMARY.INTERRUPT_WINDOW_EXITING | PRIMARY.NMI_WINDOW_EXITING)) === 0)
      return false;
    const blocking = r.interruptibility;
    if (
      (checks.primary & PRIMARY.NMI_WINDOW_EXITING) !== 0 &&
      (blocking & (BLOCKING.NMI | BLOCKING.MOV_SS)) === 0
    ) {
      return this.exit(EXIT.NMI_WINDOW);
    }
    const open = (r.systemFlags & FLAG.IF) !== 0 && (blocking & (BLOCKING.STI | BLOCKING.MOV_SS)) === 0;
    if ((checks.primary & PRIMARY.INTERRUPT_WINDOW_EXITING) !== 0 && open) {
      return this.exit(EXIT.INTERRUPT_WINDOW);
    }
    return false;
  }

  awaitsInterruptWindow(): boolean {
    return (this.vmx.checks.primary & PRIMARY.INTERRUPT_WINDOW_EXITING) !== 0;
  }

  /** Takes the exit that a memory access recorded (FAULT_VM_EXIT). */
  pendingExit(): void {
    const { vmx } = this;
    const { state } = vmx;
    const reason = state.pendingReason;
    if (reason < 0) throw new Error('no VM exit is pending');
    const details = {
      qualification: state.pendingFlags,
      linear: signedNumber(state.pendingLinearLo, state.pendingLinearHi),
      physical: state.pendingPhysical,
    };
    state.clearPending();
    vmExit(vmx, this.c, reason, details);
  }

  // --- inside -----------------------------------------------------------------------------------

  private linear(segment: number, offset: number): number {
    const { regs } = this.c;
    const sum = regs.address(STATE.EFFECTIVE_BASE + 8 * segment) + offset;
    return regs.hi(STATE.ADDRESS_MASK) === 0 ? sum >>> 0 : sum;
  }

  private exitOfInstruction(reason: number, details: ExitDetails = {}): boolean {
    return this.exit(reason, { ...details, instructionLength: this.c.record.length });
  }

  private exit(reason: number, details?: ExitDetails): boolean {
    vmExit(this.vmx, this.c, reason, details);
    return true;
  }
}

/** Exceptions whose frame shows RF set: faults, except for debug exceptions. */
const isFault = (event: DeliveredEvent): boolean =>
  event.type === EVENT_TYPE.EXCEPTION && event.vector !== VECTOR.DB && event.vector !== VECTOR.DF;

const addressSized = (size: 16 | 32 | 64, value: number): number =>
  size === 64 ? value : size === 32 ? value >>> 0 : value & 0xffff;
