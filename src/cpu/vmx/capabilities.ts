/**
 * The VMX capability MSRs: exactly what this processor implements. SDM volume 3D, "VMX Capability
 * Reporting Facility".
 */
import { EPT_CAPABILITY, MEMORY_TYPE, VPID_CAPABILITY } from '../../arch/ept.ts';
import { CR0, CR4 } from '../../arch/registers.ts';
import { CONTROL_FIELDS, type ControlField, mayBe1, mustBe1, VMX_MSR } from '../../arch/vmx.ts';
import { HIGHEST_FIELD_INDEX, VMCS_REVISION, VMCS_SIZE } from './format.ts';

/** The preemption timer counts once in 2^n cycles of the time-stamp counter. */
export const PREEMPTION_TIMER_SHIFT = 5;
export const CR3_TARGETS = 4;
/** MSR lists longer than this are refused (IA32_VMX_MISC[27:25] = 0 recommends at most 512). */
export const MSR_LIST_MAX = 512;

/** CR0 bits that must be 1 in VMX operation; PE and PG are waived for an unrestricted guest. */
export const CR0_FIXED0 = CR0.PE | CR0.NE | CR0.PG;
export const CR4_FIXED0 = CR4.VMXE;

const MISC = {
  STORE_LMA_ON_EXIT: 1 << 5,
  ACTIVITY_HLT: 1 << 6,
  ACTIVITY_SHUTDOWN: 1 << 7,
  ACTIVITY_WAIT_FOR_SIPI: 1 << 8,
  CR3_TARGETS_SHIFT: 16,
  INJECT_LENGTH_0: 1 << 30,
} as const;

const BASIC_HIGH = {
  /** Bits 44:32: size of a region. */
  SIZE: VMCS_SIZE,
  /** Bits 53:50. */
  MEMORY_TYPE: MEMORY_TYPE.WB << 18,
  /** Bit 54: INS and OUTS exits report instruction information. */
  IO_INFORMATION: 1 << 22,
  /** Bit 55: the TRUE capability MSRs exist. */
  TRUE_CONTROLS: 1 << 23,
} as const;

interface Value {
  readonly lo: number;
  readonly hi: number;
}

const controls = (field: ControlField): Value => ({ lo: CONTROL_FIELDS[field].default1, hi: mayBe1(field) });
const trueControls = (field: ControlField): Value => ({ lo: mustBe1(field), hi: mayBe1(field) });

/** All values, given the CR4 bits that the processor allows. */
export function capabilityMsrs(cr4Allowed: number): ReadonlyMap<number, Value> {
  return new Map<number, Value>([
    [
      VMX_MSR.BASIC,
      {
        lo: VMCS_REVISION,
        hi: BASIC_HIGH.SIZE | BASIC_HIGH.MEMORY_TYPE | BASIC_HIGH.IO_INFORMATION | BASIC_HIGH.TRUE_CONTROLS,
      },
    ],
    [VMX_MSR.PINBASED_CTLS, controls('pin')],
    [VMX_MSR.PROCBASED_CTLS, controls('primary')],
    [VMX_MSR.EXIT_CTLS, controls('exit')],
    [VMX_MSR.ENTRY_CTLS, controls('entry')],
    [
      VMX_MSR.MISC,
      {
        lo:
          PREEMPTION_TIMER_SHIFT |
          MISC.STORE_LMA_ON_EXIT |
          MISC.ACTIVITY_HLT |
          MISC.ACTIVITY_SHUTDOWN |
          MISC.ACTIVITY_WAIT_FOR_SIPI |
          (CR3_TARGETS << MISC.CR3_TARGETS_SHIFT) |
          MISC.INJECT_LENGTH_0,
        hi: 0,
      },
    ],
    [VMX_MSR.CR0_FIXED0, { lo: CR0_FIXED0, hi: 0 }],
    [VMX_MSR.CR0_FIXED1, { lo: -1, hi: 0 }],
    [VMX_MSR.CR4_FIXED0, { lo: CR4_FIXED0, hi: 0 }],
    [VMX_MSR.CR4_FIXED1, { lo: cr4Allowed | CR4.VMXE, hi: 0 }],
    [VMX_MSR.VMCS_ENUM, { lo: HIGHEST_FIELD_INDEX << 1, hi: 0 }],
    [VMX_MSR.PROCBASED_CTLS2, { lo: 0, hi: mayBe1('secondary') }],
    [
      VMX_MSR.EPT_VPID_CAP,
      {
        lo:
          EPT_CAPABILITY.EXECUTE_ONLY |
          EPT_CAPABILITY.FOUR_LEVELS |
          EPT_CAPABILITY.TABLES_UC |
          EPT_CAPABILITY.TABLES_WB |
          EPT_CAPABILITY.PAGES_2M |
          EPT_CAPABILITY.PAGES_1G |
          EPT_CAPABILITY.INVEPT |
          EPT_CAPABILITY.INVEPT_SINGLE |
          EPT_CAPABILITY.INVEPT_ALL,
        hi:
          VPID_CAPABILITY.INVVPID |
          VPID_CAPABILITY.ADDRESS |
          VPID_CAPABILITY.SINGLE |
          VPID_CAPABILITY.ALL |
          VPID_CAPABILITY.SINGLE_KEEP_GLOBAL,
      },
    ],
    [VMX_MSR.TRUE_PINBASED_CTLS, trueControls('pin')],
    [VMX_MSR.TRUE_PROCBASED_CTLS, trueControls('primary')],
    [VMX_MSR.TRUE_EXIT_CTLS, trueControls('exit')],
    [VMX_MSR.TRUE_ENTRY_CTLS, trueControls('entry')],
  ]);
}
