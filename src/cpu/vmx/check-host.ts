/** Checks of the host-state area: a failure makes VMLAUNCH or VMRESUME fail with error 8. */
import { CR4, EFER } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { ENTRY_CONTROL, EXIT_CONTROL } from '../../arch/vmx.ts';
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

const CONTROL = 'Checks on Host Control Registers and MSRs';
const SEGMENTS = 'Checks on Host Segment and Descriptor-Table Registers';
const ADDRESS_SPACE = 'Checks Related to Address-Space Size';

const EFER_BITS = EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE;

/** LMA and LME agree with the mode, and no reserved bit is set. */
export function validEfer(lo: number, hi: number, longMode: boolean): boolean {
  const both = EFER.LMA | EFER.LME;
  return hi === 0 && (lo & ~EFER_BITS) === 0 && (lo & both) === (longMode ? both : 0);
}

const selectors = [
  FIELD.HOST_ES_SELECTOR,
  FIELD.HOST_CS_SELECTOR,
  FIELD.HOST_SS_SELECTOR,
  FIELD.HOST_DS_SELECTOR,
  FIELD.HOST_FS_SELECTOR,
  FIELD.HOST_GS_SELECTOR,
  FIELD.HOST_TR_SELECTOR,
];
const bases = [
  FIELD.HOST_FS_BASE,
  FIELD.HOST_GS_BASE,
  FIELD.HOST_TR_BASE,
  FIELD.HOST_GDTR_BASE,
  FIELD.HOST_IDTR_BASE,
];

const hostPcide = (c: EntryContext): boolean => (c.vmcs.lo(FIELD.HOST_CR4) & CR4.PCIDE) !== 0;

export const HOST_CHECKS: readonly EntryCheck[] = [
  {
    id: 'host.cr0.fixed',
    reference: CONTROL,
    explanation: 'Host CR0 has the bits that VMX operation fixes to 1 (PE, NE, PG).',
    test: (c) => (c.vmcs.lo(FIELD.HOST_CR0) & CR0_FIXED0) === CR0_FIXED0 && c.vmcs.hi(FIELD.HOST_CR0) === 0,
  },
  {
    id: 'host.cr4.fixed',
    reference: CONTROL,
    explanation: 'Host CR4 has VMXE set and no bit that the processor does not have.',
    test: (c) =>
      fits(c.vmcs.lo(FIELD.HOST_CR4), CR4_FIXED0, c.cr4Allowed | CR4_FIXED0) &&
      c.vmcs.hi(FIELD.HOST_CR4) === 0,
  },
  {
    id: 'host.cr3',
    reference: CONTROL,
    explanation: 'Host CR3 has no bit beyond the physical-address width.',
    test: (c) => isPhysicalField(c, FIELD.HOST_CR3),
  },
  {
    id: 'host.sysenter',
    reference: CONTROL,
    explanation: 'Host IA32_SYSENTER_ESP and IA32_SYSENTER_EIP are canonical.',
    test: (c) => isCanonicalField(c, FIELD.HOST_SYSENTER_ESP) && isCanonicalField(c, FIELD.HOST_SYSENTER_EIP),
  },
  {
    id: 'host.pat',
    reference: CONTROL,
    explanation: 'A host IA32_PAT to be loaded holds only memory types that exist.',
    test: (c) =>
      (c.exit & EXIT_CONTROL.LOAD_PAT) === 0 ||
      isPat(c.vmcs.lo(FIELD.HOST_IA32_PAT), c.vmcs.hi(FIELD.HOST_IA32_PAT)),
  },
  {
    id: 'host.efer',
    reference: CONTROL,
    explanation:
      'In a host IA32_EFER to be loaded, LMA and LME equal "host address-space size", reserved bits are 0.',
    test: (c) =>
      (c.exit & EXIT_CONTROL.LOAD_EFER) === 0 ||
      validEfer(c.vmcs.lo(FIELD.HOST_IA32_EFER), c.vmcs.hi(FIELD.HOST_IA32_EFER), c.host64),
  },
  {
    id: 'host.selectors',
    reference: SEGMENTS,
    explanation: 'RPL and TI of every host selector are 0.',
    test: (c) => selectors.every((field) => (c.vmcs.lo(field) & 7) === 0),
  },
  {
    id: 'host.cs-tr',
    reference: SEGMENTS,
    explanation: 'The host selectors of CS and TR are not 0.',
    test: (c) => c.vmcs.lo(FIELD.HOST_CS_SELECTOR) !== 0 && c.vmcs.lo(FIELD.HOST_TR_SELECTOR) !== 0,
  },
  {
    id: 'host.ss',
    reference: SEGMENTS,
    explanation: 'The host selector of SS is not 0 when the host is not in 64-bit mode.',
    test: (c) => c.host64 || c.vmcs.lo(FIELD.HOST_SS_SELECTOR) !== 0,
  },
  {
    id: 'host.bases',
    reference: SEGMENTS,
    explanation: 'The host bases of FS, GS, GDTR, IDTR and TR are canonical.',
    test: (c) => bases.every((field) => isCanonicalField(c, field)),
  },
  {
    id: 'host.address-space',
    reference: ADDRESS_SPACE,
    explanation: '"Host address-space size" equals the EFER.LMA that the host has now.',
    test: (c) => c.host64 === c.hostLongMode,
  },
  {
    id: 'host.guest-long',
    reference: ADDRESS_SPACE,
    explanation: 'Only a 64-bit host can enter an IA-32e mode guest.',
    test: (c) => c.host64 || (c.entry & ENTRY_CONTROL.IA32E_GUEST) === 0,
  },
  {
    id: 'host.rip',
    reference: ADDRESS_SPACE,
    explanation:
      'Host RIP is canonical in a 64-bit host (which has CR4.PAE set), else below 4 GiB (with CR4.PCIDE clear).',
    test: (c) =>
      c.host64
        ? (c.vmcs.lo(FIELD.HOST_CR4) & CR4.PAE) !== 0 && isCanonicalHigh(c.vmcs.hi(FIELD.HOST_RIP))
        : c.vmcs.hi(FIELD.HOST_RIP) === 0 && !hostPcide(c),
  },
];
