/**
 * Consistency checks of VM entry as data: the core evaluates the rows, and whoever shows the failure
 * to people uses the same rows' words. SDM volume 3C, "VM Entries".
 */

import { FLAG } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { ENTRY_CONTROL, EXIT_CONTROL, PRIMARY, SECONDARY } from '../../arch/vmx.ts';
import { isPhysical } from '../virtualization/physical.ts';
import type { Vmcs } from './format.ts';

export interface EntryCheck {
  /** Stable name, e.g. `guest.cr0.fixed`. */
  readonly id: string;
  /** Title of the section of SDM volume 3C. */
  readonly reference: string;
  /** What has to hold, in one sentence. */
  readonly explanation: string;
  /** Whether it holds. */
  readonly test: (c: EntryContext) => boolean;
}

export type SavedControls = Readonly<
  Pick<EntryContext, 'hostLongMode' | 'pin' | 'primary' | 'secondary' | 'exit' | 'entry' | 'injection'>
>;

/** The VMCS under test with its control fields at hand. Made once a processor, loaded once a VM entry. */
export class EntryContext {
  readonly vmcs: Vmcs;
  /** CR4 bits that the processor allows. */
  readonly cr4Allowed: number;
  /** EFER.LMA of the host at the time of VM entry. */
  hostLongMode = false;
  pin = 0;
  primary = 0;
  secondary = 0;
  exit = 0;
  entry = 0;
  injection = 0;

  constructor(vmcs: Vmcs, cr4Allowed: number) {
    this.vmcs = vmcs;
    this.cr4Allowed = cr4Allowed;
  }

  /** Reads the control fields. */
  load(hostLongMode: boolean): void {
    const { vmcs } = this;
    this.hostLongMode = hostLongMode;
    this.pin = vmcs.lo(FIELD.PIN_BASED_CONTROLS);
    this.primary = vmcs.lo(FIELD.PRIMARY_CONTROLS);
    this.secondary = this.primary & PRIMARY.SECONDARY_CONTROLS ? vmcs.lo(FIELD.SECONDARY_CONTROLS) : 0;
    this.exit = vmcs.lo(FIELD.VM_EXIT_CONTROLS);
    this.entry = vmcs.lo(FIELD.VM_ENTRY_CONTROLS);
    this.injection = vmcs.lo(FIELD.VM_ENTRY_INTERRUPTION_INFO);
  }

  /** The control fields as the last VM entry read them. */
  save(): SavedControls {
    const { hostLongMode, pin, primary, secondary, exit, entry, injection } = this;
    return { hostLongMode, pin, primary, secondary, exit, entry, injection };
  }

  restore(saved: SavedControls): void {
    Object.assign(this, saved);
  }

  get unrestricted(): boolean {
    return (this.secondary & SECONDARY.UNRESTRICTED_GUEST) !== 0;
  }

  get ept(): boolean {
    return (this.secondary & SECONDARY.EPT) !== 0;
  }

  get host64(): boolean {
    return (this.exit & EXIT_CONTROL.HOST_64) !== 0;
  }

  /** The guest will be in IA-32e mode. */
  get guestLong(): boolean {
    return (this.entry & ENTRY_CONTROL.IA32E_GUEST) !== 0;
  }

  get guestVm86(): boolean {
    return (this.vmcs.lo(FIELD.GUEST_RFLAGS) & FLAG.VM) !== 0;
  }
}

/** The first row that does not hold. */
export function firstFailure(checks: readonly EntryCheck[], context: EntryContext): EntryCheck | undefined {
  for (let i = 0; i < checks.length; i++) {
    const check = checks[i];
    if (check !== undefined && !check.test(context)) return check;
  }
  return undefined;
}

export const isPhysicalField = (c: EntryContext, field: number, alignment = 1): boolean =>
  isPhysical(c.vmcs.lo(field), c.vmcs.hi(field), alignment);

/** Bits 63:47 all equal, by the upper half. */
export const isCanonicalHigh = (hi: number): boolean => {
  const top = hi >> 15;
  return top === 0 || top === -1;
};

export const isCanonicalField = (c: EntryContext, field: number): boolean =>
  isCanonicalHigh(c.vmcs.hi(field));

/** Whether `value` has all bits of `ones` set and only bits of `allowed`. */
export const fits = (value: number, ones: number, allowed: number): boolean =>
  (value & ones) === ones && (value & ~allowed) === 0;

/** Each byte of a PAT is one of the memory types 0, 1, 4, 5, 6, 7. */
export function isPat(lo: number, hi: number): boolean {
  for (const half of [lo, hi]) {
    for (let shift = 0; shift < 32; shift += 8) {
      const type = (half >>> shift) & 0xff;
      if (type > 7 || type === 2 || type === 3) return false;
    }
  }
  return true;
}
