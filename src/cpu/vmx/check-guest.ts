/**
 * Checks of the guest-state area except the segment registers. A failure ends VM entry by a VM exit
 * with reason 33. SDM volume 3C, "Checks on the Guest State Area".
 */
import { CR0, CR4, FLAG, VECTOR } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import {
  ACTIVITY,
  BLOCKING,
  ENTRY_CONTROL,
  ENTRY_FAILURE_QUALIFICATION,
  INTERRUPTION,
  INTERRUPTION_TYPE,
  PENDING_DEBUG,
  PIN,
} from '../../arch/vmx.ts';
import { isPhysical } from '../virtualization/physical.ts';
import { CR0_FIXED0, CR4_FIXED0 } from './capabilities.ts';
import {
  type EntryCheck,
  type EntryContext,
  fits,
  isCanonicalField,
  isCanonicalHigh,
  isPat,
  isPhysicalField,
} from './check.ts';
import { GUEST_SEGMENT_CHECKS } from './check-guest-segments.ts';
import { validEfer } from './check-host.ts';

const CONTROL = 'Checks on Guest Control Registers, Debug Registers, and MSRs';
const TABLES = 'Checks on Guest Descriptor-Table Registers';
const POINTER = 'Checks on Guest RIP, RFLAGS, and SSP';
const OTHER = 'Checks on Guest Non-Register State';
const PDPTES = 'Checks on Guest Page-Directory-Pointer-Table Entries';

const cr0 = (c: EntryContext): number => c.vmcs.lo(FIELD.GUEST_CR0);
const cr4 = (c: EntryContext): number => c.vmcs.lo(FIELD.GUEST_CR4);
const rflags = (c: EntryContext): number => c.vmcs.lo(FIELD.GUEST_RFLAGS);
const blocking = (c: EntryContext): number => c.vmcs.lo(FIELD.GUEST_INTERRUPTIBILITY);
const activity = (c: EntryContext): number => c.vmcs.lo(FIELD.GUEST_ACTIVITY_STATE);

const injects = (c: EntryContext, type: number): boolean =>
  (c.injection & INTERRUPTION.VALID) !== 0 && ((c.injection >> INTERRUPTION.TYPE_SHIFT) & 7) === type;

/** RFLAGS bits that are always 0. */
const RFLAGS_RESERVED = 0xffc0_8028 | 0;
const PENDING_RESERVED = ~(0xf | PENDING_DEBUG.ENABLED_BREAKPOINT | PENDING_DEBUG.SINGLE_STEP);
const BLOCKING_SHADOW = BLOCKING.STI | BLOCKING.MOV_SS;

/** Whether the event to inject (if any) can be taken in the activity state. */
function eventSuitsActivity(c: EntryContext): boolean {
  if ((c.injection & INTERRUPTION.VALID) === 0) return true;
  const type = (c.injection >> INTERRUPTION.TYPE_SHIFT) & 7;
  const vector = c.injection & INTERRUPTION.VECTOR;
  const machineCheck = type === INTERRUPTION_TYPE.HARDWARE_EXCEPTION && vector === VECTOR.MC;
  switch (activity(c)) {
    case ACTIVITY.ACTIVE:
      return true;
    case ACTIVITY.HLT:
      return (
        type === INTERRUPTION_TYPE.EXTERNAL ||
        type === INTERRUPTION_TYPE.NMI ||
        type === INTERRUPTION_TYPE.OTHER_EVENT ||
        machineCheck ||
        (type === INTERRUPTION_TYPE.HARDWARE_EXCEPTION && vector === VECTOR.DB)
      );
    case ACTIVITY.SHUTDOWN:
      return type === INTERRUPTION_TYPE.NMI || machineCheck;
    default:
      return false;
  }
}

/** With interrupts shadowed or the processor halted, a pending single step is there exactly when TF is set. */
function pendingStepMatches(c: EntryContext): boolean {
  if ((blocking(c) & BLOCKING_SHADOW) === 0 && activity(c) !== ACTIVITY.HLT) return true;
  const branchTrap = (c.vmcs.lo(FIELD.GUEST_IA32_DEBUGCTL) & 2) !== 0;
  const expected = (rflags(c) & FLAG.TF) !== 0 && !branchTrap;
  return ((c.vmcs.lo(FIELD.GUEST_PENDING_DEBUG) & PENDING_DEBUG.SINGLE_STEP) !== 0) === expected;
}

const PDPTE_FIELDS = [FIELD.GUEST_PDPTE0, FIELD.GUEST_PDPTE1, FIELD.GUEST_PDPTE2, FIELD.GUEST_PDPTE3];

const usesPdptes = (c: EntryContext): boolean =>
  !c.guestLong && (cr0(c) & CR0.PG) !== 0 && (cr4(c) & CR4.PAE) !== 0;

/** A PAE PDPTE is not present or has its reserved bits (2:1, 8:5, 63:width) clear. */
const validPdpte = (lo: number, hi: number): boolean =>
  (lo & 1) === 0 || ((lo & 0x1e6) === 0 && isPhysical(lo, hi));

export const GUEST_CHECKS: readonly EntryCheck[] = [
  {
    id: 'guest.cr0.fixed',
    reference: CONTROL,
    explanation:
      'Guest CR0 has the bits that VMX operation fixes to 1 (NE; PE and PG too unless unrestricted).',
    test: (c) => {
      const ones = c.unrestricted ? CR0_FIXED0 & ~(CR0.PE | CR0.PG) : CR0_FIXED0;
      return (cr0(c) & ones) === ones && c.vmcs.hi(FIELD.GUEST_CR0) === 0;
    },
  },
  {
    id: 'guest.cr0.pg',
    reference: CONTROL,
    explanation: 'Guest CR0.PG needs CR0.PE.',
    test: (c) => (cr0(c) & CR0.PG) === 0 || (cr0(c) & CR0.PE) !== 0,
  },
  {
    id: 'guest.cr4.fixed',
    reference: CONTROL,
    explanation: 'Guest CR4 has VMXE set and no bit that the processor does not have.',
    test: (c) => fits(cr4(c), CR4_FIXED0, c.cr4Allowed | CR4_FIXED0) && c.vmcs.hi(FIELD.GUEST_CR4) === 0,
  },
  {
    id: 'guest.debugctl',
    reference: CONTROL,
    explanation: 'A guest IA32_DEBUGCTL to be loaded has only LBR and BTF set, if any.',
    test: (c) =>
      (c.entry & ENTRY_CONTROL.LOAD_DEBUG) === 0 ||
      ((c.vmcs.lo(FIELD.GUEST_IA32_DEBUGCTL) & ~3) === 0 && c.vmcs.hi(FIELD.GUEST_IA32_DEBUGCTL) === 0),
  },
  {
    id: 'guest.long-mode',
    reference: CONTROL,
    explanation: 'An IA-32e mode guest has CR0.PG and CR4.PAE set; any other has CR4.PCIDE clear.',
    test: (c) =>
      c.guestLong ? (cr0(c) & CR0.PG) !== 0 && (cr4(c) & CR4.PAE) !== 0 : (cr4(c) & CR4.PCIDE) === 0,
  },
  {
    id: 'guest.cr3',
    reference: CONTROL,
    explanation: 'Guest CR3 has no bit beyond the physical-address width.',
    test: (c) => isPhysicalField(c, FIELD.GUEST_CR3),
  },
  {
    id: 'guest.dr7',
    reference: CONTROL,
    explanation: 'Bits 63:32 of a guest DR7 to be loaded are 0.',
    test: (c) => (c.entry & ENTRY_CONTROL.LOAD_DEBUG) === 0 || c.vmcs.hi(FIELD.GUEST_DR7) === 0,
  },
  {
    id: 'guest.sysenter',
    reference: CONTROL,
    explanation: 'Guest IA32_SYSENTER_ESP and IA32_SYSENTER_EIP are canonical.',
    test: (c) =>
      isCanonicalField(c, FIELD.GUEST_SYSENTER_ESP) && isCanonicalField(c, FIELD.GUEST_SYSENTER_EIP),
  },
  {
    id: 'guest.pat',
    reference: CONTROL,
    explanation: 'A guest IA32_PAT to be loaded holds only memory types that exist.',
    test: (c) =>
      (c.entry & ENTRY_CONTROL.LOAD_PAT) === 0 ||
      isPat(c.vmcs.lo(FIELD.GUEST_IA32_PAT), c.vmcs.hi(FIELD.GUEST_IA32_PAT)),
  },
  {
    id: 'guest.efer',
    reference: CONTROL,
    explanation:
      'In a guest IA32_EFER to be loaded, LMA equals "IA-32e mode guest", LME equals LMA if paging is on, reserved bits are 0.',
    test: (c) => {
      if ((c.entry & ENTRY_CONTROL.LOAD_EFER) === 0) return true;
      const lo = c.vmcs.lo(FIELD.GUEST_IA32_EFER);
      const hi = c.vmcs.hi(FIELD.GUEST_IA32_EFER);
      // With paging off, LME is free.
      return validEfer((cr0(c) & CR0.PG) === 0 ? lo & ~0x100 : lo, hi, c.guestLong);
    },
  },
  ...GUEST_SEGMENT_CHECKS,
  {
    id: 'guest.tables',
    reference: TABLES,
    explanation: 'The guest bases of GDTR and IDTR are canonical, their limits have 16 bits.',
    test: (c) =>
      isCanonicalField(c, FIELD.GUEST_GDTR_BASE) &&
      isCanonicalField(c, FIELD.GUEST_IDTR_BASE) &&
      c.vmcs.lo(FIELD.GUEST_GDTR_LIMIT) >>> 16 === 0 &&
      c.vmcs.lo(FIELD.GUEST_IDTR_LIMIT) >>> 16 === 0,
  },
  {
    id: 'guest.rip',
    reference: POINTER,
    explanation: 'Guest RIP is canonical in 64-bit mode and below 4 GiB in any other.',
    test: (c) => {
      const wide = c.guestLong && (c.vmcs.lo(FIELD.GUEST_CS_ACCESS_RIGHTS) & 0x2000) !== 0;
      // In 64-bit mode bits 63:48 have to be equal; bit 47 may differ.
      const hi = c.vmcs.hi(FIELD.GUEST_RIP);
      return wide ? isCanonicalHigh(hi) || isCanonicalHigh(hi ^ 0x8000) : hi === 0;
    },
  },
  {
    id: 'guest.rflags.reserved',
    reference: POINTER,
    explanation: 'The reserved bits of guest RFLAGS have their fixed values.',
    test: (c) =>
      (rflags(c) & RFLAGS_RESERVED) === 0 && (rflags(c) & 2) !== 0 && c.vmcs.hi(FIELD.GUEST_RFLAGS) === 0,
  },
  {
    id: 'guest.rflags.vm',
    reference: POINTER,
    explanation: 'Guest RFLAGS.VM is 0 in IA-32e mode and with CR0.PE clear.',
    test: (c) => !c.guestVm86 || (!c.guestLong && (cr0(c) & CR0.PE) !== 0),
  },
  {
    id: 'guest.rflags.if',
    reference: POINTER,
    explanation: 'Guest RFLAGS.IF is 1 when an external interrupt is injected.',
    test: (c) => !injects(c, INTERRUPTION_TYPE.EXTERNAL) || (rflags(c) & FLAG.IF) !== 0,
  },
  {
    id: 'guest.activity',
    reference: OTHER,
    explanation:
      'The activity state exists; only CPL 0 can be halted; an interrupt shadow needs the active state.',
    test: (c) =>
      activity(c) >>> 0 <= ACTIVITY.WAIT_FOR_SIPI &&
      (activity(c) !== ACTIVITY.HLT || (c.vmcs.lo(FIELD.GUEST_SS_ACCESS_RIGHTS) & 0x60) === 0) &&
      (activity(c) === ACTIVITY.ACTIVE || (blocking(c) & BLOCKING_SHADOW) === 0),
  },
  {
    id: 'guest.activity.event',
    reference: OTHER,
    explanation: 'The event to inject can be taken in the activity state.',
    test: eventSuitsActivity,
  },
  {
    id: 'guest.interruptibility',
    reference: OTHER,
    explanation:
      'The interruptibility state blocks by STI only with IF set, not by STI and MOV SS at once, and not SMIs.',
    test: (c) =>
      (blocking(c) & ~(BLOCKING_SHADOW | BLOCKING.NMI)) === 0 &&
      (blocking(c) & BLOCKING_SHADOW) !== BLOCKING_SHADOW &&
      ((blocking(c) & BLOCKING.STI) === 0 || (rflags(c) & FLAG.IF) !== 0),
  },
  {
    id: 'guest.interruptibility.event',
    reference: OTHER,
    explanation: 'The event to inject is not blocked by the interruptibility state.',
    test: (c) =>
      !(injects(c, INTERRUPTION_TYPE.EXTERNAL) && (blocking(c) & BLOCKING_SHADOW) !== 0) &&
      !(injects(c, INTERRUPTION_TYPE.NMI) && (blocking(c) & BLOCKING.MOV_SS) !== 0) &&
      !(
        injects(c, INTERRUPTION_TYPE.NMI) &&
        (c.pin & PIN.VIRTUAL_NMIS) !== 0 &&
        (blocking(c) & BLOCKING.NMI) !== 0
      ),
  },
  {
    id: 'guest.pending-debug',
    reference: OTHER,
    explanation: 'The pending debug exceptions have no reserved bit set.',
    test: (c) =>
      (c.vmcs.lo(FIELD.GUEST_PENDING_DEBUG) & PENDING_RESERVED) === 0 &&
      c.vmcs.hi(FIELD.GUEST_PENDING_DEBUG) === 0,
  },
  {
    id: 'guest.pending-debug.step',
    reference: OTHER,
    explanation: 'In an interrupt shadow or halted, a single step is pending exactly when RFLAGS.TF is set.',
    test: pendingStepMatches,
  },
  {
    id: 'guest.link-pointer',
    reference: OTHER,
    explanation: 'The VMCS link pointer is all ones.',
    test: (c) => c.vmcs.lo(FIELD.VMCS_LINK_POINTER) === -1 && c.vmcs.hi(FIELD.VMCS_LINK_POINTER) === -1,
  },
  {
    id: 'guest.pdptes',
    reference: PDPTES,
    explanation:
      'With PAE paging under EPT, the PDPTE fields are not present or have their reserved bits clear.',
    test: (c) =>
      !c.ept ||
      !usesPdptes(c) ||
      PDPTE_FIELDS.every((field) => validPdpte(c.vmcs.lo(field), c.vmcs.hi(field))),
  },
];

const QUALIFICATIONS: Readonly<Record<string, number>> = {
  'guest.link-pointer': ENTRY_FAILURE_QUALIFICATION.LINK_POINTER,
  'guest.pdptes': ENTRY_FAILURE_QUALIFICATION.PDPTE,
};

/** Exit qualification that goes with a failed check. */
export const failureQualification = (check: EntryCheck): number => QUALIFICATIONS[check.id] ?? 0;
