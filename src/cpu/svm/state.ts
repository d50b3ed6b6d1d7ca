/** What SVM adds to a CPU block (see ../state.ts), so that it is part of every snapshot. */
import type { Registers } from '../registers.ts';
import { FAULT_VM_EXIT } from '../state.ts';

/** Offsets in the CPU block; i32 except where a type is named. */
const SVM = {
  IN_GUEST: 0x3080,
  /** Global interrupt flag. */
  GIF: 0x3084,
  /** VM_CR, bits 31:0. */
  VM_CR: 0x3088,
  /** RFLAGS.IF of the host at VMRUN. */
  HOST_IF: 0x308c,
  /** VM_HSAVE_PA, f64. */
  HOST_SAVE_AREA: 0x3090,
  /** Physical address of the last VMCB that was run, f64; -1: none. */
  CURRENT: 0x3098,
  /** A nested page fault that an access has recorded: EXITINFO1 and 2, f64. */
  FAULT_INFO: 0x30a0,
  FAULT_ADDRESS: 0x30a8,
} as const;

export class SvmState {
  private readonly r: Registers;

  constructor(registers: Registers) {
    this.r = registers;
  }

  /** After power-on and RESET. */
  reset(): void {
    this.inGuest = false;
    this.gif = true;
    this.vmCr = 0;
    this.hostIf = false;
    this.hostSaveArea = 0;
    this.current = -1;
  }

  get inGuest(): boolean {
    return this.r.i32[SVM.IN_GUEST >> 2] !== 0;
  }

  set inGuest(value: boolean) {
    this.r.i32[SVM.IN_GUEST >> 2] = Number(value);
  }

  get gif(): boolean {
    return this.r.i32[SVM.GIF >> 2] !== 0;
  }

  set gif(value: boolean) {
    this.r.i32[SVM.GIF >> 2] = Number(value);
  }

  get vmCr(): number {
    return this.r.i32[SVM.VM_CR >> 2];
  }

  set vmCr(value: number) {
    this.r.i32[SVM.VM_CR >> 2] = value;
  }

  get hostIf(): boolean {
    return this.r.i32[SVM.HOST_IF >> 2] !== 0;
  }

  set hostIf(value: boolean) {
    this.r.i32[SVM.HOST_IF >> 2] = Number(value);
  }

  get hostSaveArea(): number {
    return this.r.f64[SVM.HOST_SAVE_AREA >> 3];
  }

  set hostSaveArea(value: number) {
    this.r.f64[SVM.HOST_SAVE_AREA >> 3] = value;
  }

  get current(): number {
    return this.r.f64[SVM.CURRENT >> 3];
  }

  set current(value: number) {
    this.r.f64[SVM.CURRENT >> 3] = value;
  }

  /** Records a nested page fault: EXITINFO1, and the guest-physical address. */
  setFault(info1: number, guestPhysical: number): void {
    this.r.f64[SVM.FAULT_INFO >> 3] = info1;
    this.r.f64[SVM.FAULT_ADDRESS >> 3] = guestPhysical;
    this.r.setFault(FAULT_VM_EXIT, -1);
  }

  get fault(): { readonly info1: number; readonly guestPhysical: number } {
    return { info1: this.r.f64[SVM.FAULT_INFO >> 3], guestPhysical: this.r.f64[SVM.FAULT_ADDRESS >> 3] };
  }
}
