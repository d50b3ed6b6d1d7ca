/**
 * The hook for VMX non-root operation and SVM guest mode. A system operation asks the interceptor at
 * the architecturally right place: after the #UD and privilege checks that have priority over VM
 * exits, before any effect. Every question answers true when the VM exit has been taken: the host's
 * state is then in the registers and the caller returns STATUS.EXIT at once. Details an exit reports
 * (operands, length) are found in `SystemContext.record`; RIP is that of the intercepted instruction.
 *
 * SDM volume 3C, "VMX Non-Root Operation": "Instructions That Cause VM Exits", "Relative Priority of
 * Faults and VM Exits".
 */
import type { AccessSize } from '../../contracts/device.ts';
import type { DeliveredEvent } from './event.ts';

export type InterceptedInstruction =
  | 'cpuid'
  | 'hlt'
  | 'invd'
  | 'wbinvd'
  | 'invlpg'
  | 'invpcid'
  | 'rdpmc'
  | 'rdtsc'
  | 'rdtscp'
  | 'pause'
  | 'monitor'
  | 'mwait'
  | 'xsetbv'
  | 'rsm'
  | 'sgdt'
  | 'sidt'
  | 'lgdt'
  | 'lidt'
  | 'sldt'
  | 'str'
  | 'lldt'
  | 'ltr'
  | 'vmcall'
  | 'vmclear'
  | 'vmlaunch'
  | 'vmptrld'
  | 'vmptrst'
  | 'vmread'
  | 'vmresume'
  | 'vmwrite'
  | 'vmxoff'
  | 'vmxon'
  | 'vmfunc'
  | 'invept'
  | 'invvpid'
  | 'vmrun'
  | 'vmmcall'
  | 'vmload'
  | 'vmsave'
  | 'stgi'
  | 'clgi'
  | 'invlpga'
  /** Not intercepted by VMX. */
  | 'smsw'
  | 'pushf'
  | 'popf'
  | 'iret'
  | 'intn';

export interface ControlRegisterAccess {
  readonly register: 0 | 2 | 3 | 4 | 8;
  readonly kind: 'to' | 'from' | 'clts' | 'lmsw';
  /** General register of MOV; 0 for CLTS and LMSW. */
  readonly gpr: number;
  /** What is to be written (`to`, and LMSW's 16-bit source); 0 for `from` and CLTS. */
  readonly lo: number;
  readonly hi: number;
}

export interface DebugRegisterAccess {
  readonly register: number;
  readonly write: boolean;
  readonly gpr: number;
}

export interface PortAccess {
  readonly port: number;
  readonly size: AccessSize;
  readonly input: boolean;
  /** INS or OUTS. */
  readonly string: boolean;
  readonly rep: boolean;
  /** The port is the instruction's immediate byte, not DX. */
  readonly immediate: boolean;
}

export interface Interceptor {
  instruction(kind: InterceptedInstruction): boolean;
  /** Whether PUSHF or POPF are intercepted: they are system operations only then. */
  interceptsFlags(): boolean;

  controlRegister(access: ControlRegisterAccess): boolean;
  /** What a read of CR0 or CR4 (MOV, SMSW) gives for the register's `actual` value: host-owned bits come from the read shadow. */
  readShadow(register: 0 | 4, actual: number): number;
  /** What is put into CR0 or CR4 when the guest writes `value` without an exit: host-owned bits keep their `actual` value. */
  merge(register: 0 | 4, value: number, actual: number): number;

  debugRegister(access: DebugRegisterAccess): boolean;
  port(access: PortAccess): boolean;
  msr(index: number, write: boolean): boolean;
  /** The task priority that CR8 stands for, where it is not the local APIC's; undefined or false: it is. */
  readTaskPriority(): number | undefined;
  writeTaskPriority(value: number): boolean;
  /** Added to what RDTSC, RDTSCP and RDMSR of IA32_TIME_STAMP_COUNTER give; cycles, may be negative. */
  tscOffset(): number;

  /** A hardware or software exception that is about to be delivered (INT3, INTO and INT1 too, INT n not). */
  exception(event: DeliveredEvent): boolean;
  /** A task switch by CALL, JMP, IRET or a task gate to the TSS `selector`, before any effect. `errorCode` -1: none. */
  taskSwitch(selector: number, source: 'call' | 'iret' | 'jmp' | 'gate', errorCode: number): boolean;
  tripleFault(): boolean;

  /** Questions of the run loop at an instruction boundary. `true`: the exit has been taken. */
  externalInterrupt(): boolean;
  nmi(): boolean;
  /** An NMI or INIT that was intercepted stays pending, for the host (AMD-V), instead of being used up by the exit. */
  readonly keepsSignals: boolean;
  /** Whether an external interrupt of the processor can get through now: as an exit, or to the guest's handler. */
  admitsInterrupts(): boolean;
  /** Takes a virtual interrupt that is due: by an exit, or through `deliver`. */
  virtualInterrupt(deliver: (vector: number) => void): boolean;
  /** Interruptibility bits that hold back an NMI of the processor: none where the guest has virtual NMIs. */
  nmiBlocking(): number;
  /** Whether IRET ends the blocking of NMIs. */
  iretUnblocksNmi(): boolean;
  init(): boolean;
  startup(vector: number): boolean;
  /** Exits that are due before the next instruction: interrupt window, NMI window, preemption timer, monitor trap flag. */
  boundary(): boolean;
  /** Whether `boundary` has to be asked when RFLAGS.IF becomes 1. */
  awaitsInterruptWindow(): boolean;
  /** Cycle (of `SystemContext.now`) at which the run loop has to ask `boundary` again at the latest; Infinity: never. */
  deadline(): number;
  /** Takes the exit that an access has recorded: FAULT_VM_EXIT in STATE.FAULT_VECTOR. */
  pendingExit(): void;
  /** Whether RDTSCP exists for the guest; #UD otherwise. */
  allowsRdtscp(): boolean;
  /** The same for INVPCID. */
  allowsInvpcid(): boolean;
}
