/** What VMX adds to a CPU block (see ../state.ts), so that it is part of every snapshot. */
import { upperHalf } from '../number64.ts';
import type { Registers } from '../registers.ts';
import { FAULT_VM_EXIT } from '../state.ts';

/** Offsets in the CPU block. */
const VMX = {
  /** One of `VMX_MODE`; i32. */
  MODE: 0x3000,
  /** IA32_FEATURE_CONTROL, bits 31:0. */
  FEATURE_CONTROL: 0x3004,
  /** Physical addresses as f64; -1: none. */
  VMXON_POINTER: 0x3008,
  CURRENT: 0x3010,
  /** Cycle at which the preemption timer reaches 0, and its value and cycle at VM entry; f64. */
  TIMER_DEADLINE: 0x3018,
  TIMER_VALUE: 0x3020,
  TIMER_START: 0x3028,
  /** Cycle of the VM entry when a monitor trap flag exit is pending, -1 otherwise; f64. */
  TRAP_FROM: 0x3030,
  /** A VM exit that an access has asked for and that is not taken yet; reason i32 (-1 none), see `PendingExit`. */
  PENDING_REASON: 0x3048,
  PENDING_FLAGS: 0x304c,
  PENDING_PHYSICAL: 0x3050,
  PENDING_LINEAR: 0x3058,
} as const;

export const VMX_MODE = { OFF: 0, ROOT: 1, NON_ROOT: 2 } as const;

export class VmxState {
  private readonly r: Registers;

  constructor(registers: Registers) {
    this.r = registers;
  }

  /** After power-on and RESET. */
  reset(): void {
    this.mode = VMX_MODE.OFF;
    this.featureControl = 0;
    this.vmxonPointer = -1;
    this.current = -1;
    this.disarm();
    this.r.i32[VMX.PENDING_REASON >> 2] = -1;
  }

  get mode(): number {
    return this.r.i32[VMX.MODE >> 2];
  }

  set mode(value: number) {
    this.r.i32[VMX.MODE >> 2] = value;
  }

  get featureControl(): number {
    return this.r.i32[VMX.FEATURE_CONTROL >> 2];
  }

  set featureControl(value: number) {
    this.r.i32[VMX.FEATURE_CONTROL >> 2] = value;
  }

  get vmxonPointer(): number {
    return this.r.f64[VMX.VMXON_POINTER >> 3];
  }

  set vmxonPointer(value: number) {
    this.r.f64[VMX.VMXON_POINTER >> 3] = value;
  }

  /** Physical address of the current VMCS; -1: none. */
  get current(): number {
    return this.r.f64[VMX.CURRENT >> 3];
  }

  set current(value: number) {
    this.r.f64[VMX.CURRENT >> 3] = value;
  }

  /** Neither preemption timer nor monitor trap flag. */
  disarm(): void {
    this.timerDeadline = Number.POSITIVE_INFINITY;
    this.trapFrom = -1;
  }

  get timerDeadline(): number {
    return this.r.f64[VMX.TIMER_DEADLINE >> 3];
  }

  set timerDeadline(value: number) {
    this.r.f64[VMX.TIMER_DEADLINE >> 3] = value;
  }

  get timerValue(): number {
    return this.r.f64[VMX.TIMER_VALUE >> 3];
  }

  set timerValue(value: number) {
    this.r.f64[VMX.TIMER_VALUE >> 3] = value;
  }

  get timerStart(): number {
    return this.r.f64[VMX.TIMER_START >> 3];
  }

  set timerStart(value: number) {
    this.r.f64[VMX.TIMER_START >> 3] = value;
  }

  get trapFrom(): number {
    return this.r.f64[VMX.TRAP_FROM >> 3];
  }

  set trapFrom(value: number) {
    this.r.f64[VMX.TRAP_FROM >> 3] = value;
  }

  /** Records the VM exit of a memory access; `flags` become the low half of the exit qualification. */
  setPending(reason: number, flags: number, physical: number, linear: number): void {
    this.r.i32[VMX.PENDING_REASON >> 2] = reason;
    this.r.i32[VMX.PENDING_FLAGS >> 2] = flags;
    this.r.f64[VMX.PENDING_PHYSICAL >> 3] = physical;
    this.r.setPair(VMX.PENDING_LINEAR, linear >>> 0, upperHalf(linear));
    this.r.setFault(FAULT_VM_EXIT, -1);
  }

  /** Basic exit reason of the recorded exit; -1: none. */
  get pendingReason(): number {
    return this.r.i32[VMX.PENDING_REASON >> 2];
  }

  clearPending(): void {
    this.r.i32[VMX.PENDING_REASON >> 2] = -1;
  }

  get pendingFlags(): number {
    return this.r.i32[VMX.PENDING_FLAGS >> 2];
  }

  get pendingPhysical(): number {
    return this.r.f64[VMX.PENDING_PHYSICAL >> 3];
  }

  get pendingLinearLo(): number {
    return this.r.lo(VMX.PENDING_LINEAR);
  }

  get pendingLinearHi(): number {
    return this.r.hi(VMX.PENDING_LINEAR);
  }
}
