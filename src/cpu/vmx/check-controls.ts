/** Checks of the control fields: a failure makes VMLAUNCH or VMRESUME fail with error 7. */
import { EPTP } from '../../arch/ept.ts';
import { CR0, VECTOR } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import {
  EXIT_CONTROL,
  INTERRUPTION,
  INTERRUPTION_TYPE,
  MSR_ENTRY_SIZE,
  mayBe1,
  mustBe1,
  PIN,
  PRIMARY,
  SECONDARY,
} from '../../arch/vmx.ts';
import { PHYSICAL_BITS } from '../paging.ts';
import { CR3_TARGETS, MSR_LIST_MAX } from './capabilities.ts';
import { type EntryCheck, type EntryContext, fits, isPhysicalField } from './check.ts';
import { validTableType } from './ept-walk.ts';

const EXECUTION = 'VM-Execution Control Fields';
const EXIT = 'VM-Exit Control Fields';
const ENTRY = 'VM-Entry Control Fields';

const [PIN_1, PIN_MAY] = [mustBe1('pin'), mayBe1('pin')];
const [PRIMARY_1, PRIMARY_MAY] = [mustBe1('primary'), mayBe1('primary')];
const SECONDARY_MAY = mayBe1('secondary');
const [EXIT_1, EXIT_MAY] = [mustBe1('exit'), mayBe1('exit')];
const [ENTRY_1, ENTRY_MAY] = [mustBe1('entry'), mayBe1('entry')];

/** A list of MSRs is empty, or short enough, aligned, and within the physical-address width to its end. */
function msrList(c: EntryContext, countField: number, addressField: number): boolean {
  const count = c.vmcs.lo(countField) >>> 0;
  if (count === 0) return true;
  if (count > MSR_LIST_MAX || !isPhysicalField(c, addressField, MSR_ENTRY_SIZE)) return false;
  return c.vmcs.number(addressField) + count * MSR_ENTRY_SIZE - 1 < 2 ** PHYSICAL_BITS;
}

const implies = (condition: number, consequence: number): boolean => condition === 0 || consequence !== 0;

export const EXECUTION_CHECKS: readonly EntryCheck[] = [
  {
    id: 'control.pin',
    reference: EXECUTION,
    explanation: 'The pin-based controls respect IA32_VMX_TRUE_PINBASED_CTLS.',
    test: (c) => fits(c.pin, PIN_1, PIN_MAY),
  },
  {
    id: 'control.primary',
    reference: EXECUTION,
    explanation: 'The primary processor-based controls respect IA32_VMX_TRUE_PROCBASED_CTLS.',
    test: (c) => fits(c.primary, PRIMARY_1, PRIMARY_MAY),
  },
  {
    id: 'control.secondary',
    reference: EXECUTION,
    explanation: 'The secondary processor-based controls respect IA32_VMX_PROCBASED_CTLS2.',
    test: (c) => fits(c.secondary, 0, SECONDARY_MAY),
  },
  {
    id: 'control.cr3-targets',
    reference: EXECUTION,
    explanation: `There are at most ${CR3_TARGETS} CR3-target values.`,
    test: (c) => c.vmcs.lo(FIELD.CR3_TARGET_COUNT) >>> 0 <= CR3_TARGETS,
  },
  {
    id: 'control.io-bitmaps',
    reference: EXECUTION,
    explanation: 'With I/O bitmaps in use, both addresses are physical addresses of pages.',
    test: (c) =>
      (c.primary & PRIMARY.IO_BITMAPS) === 0 ||
      (isPhysicalField(c, FIELD.IO_BITMAP_A, 0x1000) && isPhysicalField(c, FIELD.IO_BITMAP_B, 0x1000)),
  },
  {
    id: 'control.msr-bitmap',
    reference: EXECUTION,
    explanation: 'With an MSR bitmap in use, its address is the physical address of a page.',
    test: (c) => (c.primary & PRIMARY.MSR_BITMAPS) === 0 || isPhysicalField(c, FIELD.MSR_BITMAP, 0x1000),
  },
  {
    id: 'control.virtual-nmis',
    reference: EXECUTION,
    explanation: 'Virtual NMIs need NMI exiting.',
    test: (c) => implies(c.pin & PIN.VIRTUAL_NMIS, c.pin & PIN.NMI_EXITING),
  },
  {
    id: 'control.nmi-window',
    reference: EXECUTION,
    explanation: 'NMI-window exiting needs virtual NMIs.',
    test: (c) => implies(c.primary & PRIMARY.NMI_WINDOW_EXITING, c.pin & PIN.VIRTUAL_NMIS),
  },
  {
    id: 'control.vpid',
    reference: EXECUTION,
    explanation: 'With VPID enabled, the VPID is not 0.',
    test: (c) => implies(c.secondary & SECONDARY.VPID, c.vmcs.lo(FIELD.VIRTUAL_PROCESSOR_ID) & 0xffff),
  },
  {
    id: 'control.eptp',
    reference: EXECUTION,
    explanation:
      'The EPT pointer names a supported memory type, four levels, no A/D flags, a physical address.',
    test: (c) => !c.ept || validEptp(c.vmcs.lo(FIELD.EPT_POINTER), isPhysicalField(c, FIELD.EPT_POINTER)),
  },
  {
    id: 'control.unrestricted',
    reference: EXECUTION,
    explanation: 'An unrestricted guest needs EPT.',
    test: (c) => implies(c.secondary & SECONDARY.UNRESTRICTED_GUEST, c.secondary & SECONDARY.EPT),
  },
  {
    id: 'control.exit',
    reference: EXIT,
    explanation: 'The VM-exit controls respect IA32_VMX_TRUE_EXIT_CTLS.',
    test: (c) => fits(c.exit, EXIT_1, EXIT_MAY),
  },
  {
    id: 'control.save-timer',
    reference: EXIT,
    explanation: 'Saving the preemption timer needs the timer to be active.',
    test: (c) => implies(c.exit & EXIT_CONTROL.SAVE_PREEMPTION_TIMER, c.pin & PIN.PREEMPTION_TIMER),
  },
  {
    id: 'control.exit-msr-store',
    reference: EXIT,
    explanation: 'The VM-exit MSR-store list is aligned to 16 bytes, in physical memory, and not too long.',
    test: (c) => msrList(c, FIELD.VM_EXIT_MSR_STORE_COUNT, FIELD.VM_EXIT_MSR_STORE_ADDRESS),
  },
  {
    id: 'control.exit-msr-load',
    reference: EXIT,
    explanation: 'The VM-exit MSR-load list is aligned to 16 bytes, in physical memory, and not too long.',
    test: (c) => msrList(c, FIELD.VM_EXIT_MSR_LOAD_COUNT, FIELD.VM_EXIT_MSR_LOAD_ADDRESS),
  },
  {
    id: 'control.entry',
    reference: ENTRY,
    explanation: 'The VM-entry controls respect IA32_VMX_TRUE_ENTRY_CTLS.',
    test: (c) => fits(c.entry, ENTRY_1, ENTRY_MAY),
  },
  {
    id: 'control.entry-msr-load',
    reference: ENTRY,
    explanation: 'The VM-entry MSR-load list is aligned to 16 bytes, in physical memory, and not too long.',
    test: (c) => msrList(c, FIELD.VM_ENTRY_MSR_LOAD_COUNT, FIELD.VM_ENTRY_MSR_LOAD_ADDRESS),
  },
];

/** EPT pointer, also as an operand of INVEPT. `physical`: within the physical-address width. */
export function validEptp(lo: number, physical: boolean): boolean {
  const reserved = 0xfff & ~(EPTP.MEMORY_TYPE_MASK | EPTP.WALK_LENGTH_MASK);
  return (
    physical &&
    (lo & reserved) === 0 &&
    (lo & EPTP.WALK_LENGTH_MASK) === 3 << EPTP.WALK_LENGTH_SHIFT &&
    validTableType(lo & EPTP.MEMORY_TYPE_MASK)
  );
}

const injectedType = (c: EntryContext): number => (c.injection >> INTERRUPTION.TYPE_SHIFT) & 7;
const injectedVector = (c: EntryContext): number => c.injection & INTERRUPTION.VECTOR;

/** Exceptions that push an error code. */
const WITH_ERROR_CODE: readonly number[] = [
  VECTOR.DF,
  VECTOR.TS,
  VECTOR.NP,
  VECTOR.SS,
  VECTOR.GP,
  VECTOR.PF,
  VECTOR.AC,
];

function pushesErrorCode(c: EntryContext): boolean {
  const protectedMode = !c.unrestricted || (c.vmcs.lo(FIELD.GUEST_CR0) & CR0.PE) !== 0;
  return (
    protectedMode &&
    injectedType(c) === INTERRUPTION_TYPE.HARDWARE_EXCEPTION &&
    WITH_ERROR_CODE.includes(injectedVector(c))
  );
}

const isSoftware = (type: number): boolean =>
  type === INTERRUPTION_TYPE.SOFTWARE_INTERRUPT ||
  type === INTERRUPTION_TYPE.PRIVILEGED_SOFTWARE_EXCEPTION ||
  type === INTERRUPTION_TYPE.SOFTWARE_EXCEPTION;

function vectorSuitsType(c: EntryContext): boolean {
  switch (injectedType(c)) {
    case 1:
      return false;
    case INTERRUPTION_TYPE.NMI:
      return injectedVector(c) === VECTOR.NMI;
    case INTERRUPTION_TYPE.HARDWARE_EXCEPTION:
      return injectedVector(c) <= 31;
    case INTERRUPTION_TYPE.OTHER_EVENT:
      return injectedVector(c) === 0;
    default:
      return true;
  }
}

/** Looked at only when VM entry injects an event. */
export const INJECTION_CHECKS: readonly EntryCheck[] = [
  {
    id: 'control.injection.type',
    reference: ENTRY,
    explanation: 'The event to inject has a type that exists and a vector that suits it.',
    test: vectorSuitsType,
  },
  {
    id: 'control.injection.error-code-flag',
    reference: ENTRY,
    explanation: 'An error code is delivered exactly with the exceptions that have one.',
    test: (c) => ((c.injection & INTERRUPTION.ERROR_CODE) !== 0) === pushesErrorCode(c),
  },
  {
    id: 'control.injection.reserved',
    reference: ENTRY,
    explanation: 'Bits 30:12 of the interruption information are 0.',
    test: (c) => (c.injection & 0x7fff_f000) === 0,
  },
  {
    id: 'control.injection.error-code',
    reference: ENTRY,
    explanation: 'Bits 31:16 of the error code to deliver are 0.',
    test: (c) =>
      (c.injection & INTERRUPTION.ERROR_CODE) === 0 || c.vmcs.lo(FIELD.VM_ENTRY_EXCEPTION_ERROR) >>> 16 === 0,
  },
  {
    id: 'control.injection.length',
    reference: ENTRY,
    explanation: 'The instruction behind a software event is at most 15 bytes long.',
    test: (c) => !isSoftware(injectedType(c)) || c.vmcs.lo(FIELD.VM_ENTRY_INSTRUCTION_LENGTH) >>> 0 <= 15,
  },
];
