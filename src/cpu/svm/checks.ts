/**
 * Consistency checks of VMRUN as data: the processor evaluates the rows, and whoever shows a failure to people
 * uses the same rows' words. AMD APM volume 2, "Canonicalization and Consistency Checks", "Event Injection",
 * "Nested Paging".
 */
import { CR0, CR4, EFER } from '../../arch/registers.ts';
import { EVENT, IOPM_SIZE, MSRPM } from '../../arch/svm.ts';
import { SVM_EXIT } from '../../arch/svm-exits.ts';
import { VMCB, type VmcbField } from '../../arch/vmcb.ts';
import { PHYSICAL_BITS } from '../paging.ts';
import type { Vmcb } from './vmcb.ts';

export interface RunCheck {
  /** Stable name, e.g. `guest.cr0.cache`. */
  readonly id: string;
  /** What has to hold, in one sentence. */
  readonly explanation: string;
  /** Whether it holds. */
  readonly test: (c: RunContext) => boolean;
}

/** What the rows look at beside the VMCB. */
export interface RunContext {
  readonly vmcb: Vmcb;
  /** CR4 and EFER bits that the processor allows. */
  readonly cr4Allowed: number;
  readonly eferAllowed: number;
  /** Number of address-space identifiers. */
  readonly asids: number;
  /** The VMCB asks for nested paging, and the processor has it. */
  readonly nested: boolean;
  /** CR0.PG of the host. */
  readonly hostPaging: boolean;
}

const LAST_PHYSICAL = 2 ** PHYSICAL_BITS;
const ATTRIBUTES = { L: 1 << 9, D: 1 << 10 } as const;

const has = (c: RunContext, field: VmcbField, bits: number): boolean => (c.vmcb.lo(field) & bits) === bits;
const only32 = (field: VmcbField) => (c: RunContext) => c.vmcb.hi(field) === 0;
const entersLongMode = (c: RunContext): boolean => has(c, VMCB.EFER, EFER.LME) && has(c, VMCB.CR0, CR0.PG);

/** A permission map in use ends within the physical-address width. Bits 11:0 of its address are ignored. */
const mapFits = (c: RunContext, intercept: number, field: VmcbField, size: number): boolean => {
  const address = Math.floor(c.vmcb.number(field) / 0x1000) * 0x1000;
  return !c.vmcb.intercepts(intercept) || address + size <= LAST_PHYSICAL;
};

/** Each byte is one of the memory types UC, WC, WT, WP, WB, UC-. */
const isPat = (lo: number, hi: number): boolean =>
  [lo, hi].every((half) =>
    [0, 8, 16, 24].every((shift) => [0, 1, 4, 5, 6, 7].includes((half >>> shift) & 0xff)),
  );

const NMI_VECTOR = 2;
const LAST_EXCEPTION = 31;

/** Type and vector of EVENTINJ go together. */
function isInjectable(event: number): boolean {
  const vector = event & EVENT.VECTOR;
  switch ((event >> EVENT.TYPE_SHIFT) & EVENT.TYPE_MASK) {
    case EVENT.TYPE.INTERRUPT:
    case EVENT.TYPE.NMI:
    case EVENT.TYPE.SOFTWARE_INTERRUPT:
      return true;
    case EVENT.TYPE.EXCEPTION:
      return vector <= LAST_EXCEPTION && vector !== NMI_VECTOR;
    default:
      return false;
  }
}

export const RUN_CHECKS: readonly RunCheck[] = [
  {
    id: 'control.vmrun',
    explanation: 'VMRUN is intercepted.',
    test: (c) => c.vmcb.intercepts(SVM_EXIT.VMRUN),
  },
  {
    id: 'control.asid',
    explanation: 'The address-space identifier is neither 0, which is the host, nor beyond what CPUID says.',
    test: (c) => {
      const asid = c.vmcb.lo(VMCB.GUEST_ASID) >>> 0;
      return asid !== 0 && asid < c.asids;
    },
  },
  {
    id: 'control.io-map',
    explanation: 'With IOIO intercepts, the I/O permission map ends within the physical-address width.',
    test: (c) => mapFits(c, SVM_EXIT.IOIO, VMCB.IOPM_BASE_PA, IOPM_SIZE),
  },
  {
    id: 'control.msr-map',
    explanation: 'With MSR intercepts, the MSR permission map ends within the physical-address width.',
    test: (c) => mapFits(c, SVM_EXIT.MSR, VMCB.MSRPM_BASE_PA, MSRPM.SIZE),
  },
  {
    id: 'control.nested-host',
    explanation: 'Nested paging needs a host with paging.',
    test: (c) => !c.nested || c.hostPaging,
  },
  {
    id: 'control.nested-cr3',
    explanation: 'Under nested paging, N_CR3 lies within the physical-address width.',
    test: (c) => !c.nested || c.vmcb.number(VMCB.N_CR3) < LAST_PHYSICAL,
  },
  {
    id: 'control.event',
    explanation: 'An event to inject is of a known type; an exception has a vector of one.',
    test: (c) => !has(c, VMCB.EVENTINJ, EVENT.VALID) || isInjectable(c.vmcb.lo(VMCB.EVENTINJ)),
  },
  {
    id: 'guest.efer.svme',
    explanation: 'EFER.SVME is set.',
    test: (c) => has(c, VMCB.EFER, EFER.SVME),
  },
  {
    id: 'guest.efer.reserved',
    explanation: 'EFER has no bits that the processor does not know.',
    test: (c) => c.vmcb.hi(VMCB.EFER) === 0 && (c.vmcb.lo(VMCB.EFER) & ~c.eferAllowed) === 0,
  },
  {
    id: 'guest.cr0.cache',
    explanation: 'CR0.NW is set only with CR0.CD.',
    test: (c) => !has(c, VMCB.CR0, CR0.NW) || has(c, VMCB.CR0, CR0.CD),
  },
  {
    id: 'guest.cr0.high',
    explanation: 'Bits 63:32 of CR0 are 0.',
    test: only32(VMCB.CR0),
  },
  {
    id: 'guest.cr3',
    explanation: 'CR3 lies within the physical-address width.',
    test: (c) => c.vmcb.number(VMCB.CR3) < LAST_PHYSICAL,
  },
  {
    id: 'guest.cr4',
    explanation: 'CR4 has no bits that the processor does not know.',
    test: (c) => c.vmcb.hi(VMCB.CR4) === 0 && (c.vmcb.lo(VMCB.CR4) & ~c.cr4Allowed) === 0,
  },
  {
    id: 'guest.dr6',
    explanation: 'Bits 63:32 of DR6 are 0.',
    test: only32(VMCB.DR6),
  },
  {
    id: 'guest.dr7',
    explanation: 'Bits 63:32 of DR7 are 0.',
    test: only32(VMCB.DR7),
  },
  {
    id: 'guest.long.pae',
    explanation: 'Long mode (EFER.LME and CR0.PG) needs CR4.PAE.',
    test: (c) => !entersLongMode(c) || has(c, VMCB.CR4, CR4.PAE),
  },
  {
    id: 'guest.long.protected',
    explanation: 'Long mode needs CR0.PE.',
    test: (c) => !entersLongMode(c) || has(c, VMCB.CR0, CR0.PE),
  },
  {
    id: 'guest.long.cs',
    explanation: 'In long mode a code segment is not 64-bit (L) and 32-bit (D) at once.',
    test: (c) =>
      !(entersLongMode(c) && has(c, VMCB.CR4, CR4.PAE)) ||
      !has(c, VMCB.CS_ATTRIBUTES, ATTRIBUTES.L | ATTRIBUTES.D),
  },
  {
    id: 'guest.pat',
    explanation: 'Under nested paging, each byte of G_PAT is a memory type.',
    test: (c) => !c.nested || isPat(c.vmcb.lo(VMCB.G_PAT), c.vmcb.hi(VMCB.G_PAT)),
  },
];

/** The first row that does not hold. */
export const firstFailure = (context: RunContext): RunCheck | undefined =>
  RUN_CHECKS.find(({ test }) => !test(context));
