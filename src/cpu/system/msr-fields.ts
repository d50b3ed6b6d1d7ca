/** Where the CPU block keeps MSRs that are more than a view of another register; 8 bytes each from STATE.MSR. */
import { STATE } from '../state.ts';

const at = (slot: number): number => STATE.MSR + 8 * slot;

export const MSR_FIELD = {
  /** What IA32_TIME_STAMP_COUNTER is ahead of the simulated time, mod 2^64. */
  TSC_OFFSET: at(0),
  SYSENTER_CS: at(1),
  SYSENTER_ESP: at(2),
  SYSENTER_EIP: at(3),
  STAR: at(4),
  LSTAR: at(5),
  CSTAR: at(6),
  FMASK: at(7),
  KERNEL_GS_BASE: STATE.KERNEL_GS_BASE,
  TSC_AUX: at(9),
  PAT: at(10),
  MISC_ENABLE: at(11),
  BIOS_SIGN_ID: at(12),
  DEBUGCTL: at(13),
  TSC_ADJUST: at(14),
  MTRR_DEF_TYPE: at(15),
  /** IA32_MTRR_PHYSBASE0, PHYSMASK0, PHYSBASE1, .. */
  MTRR_PHYS: at(16),
  MTRR_FIX: at(32),
  MCG_STATUS: at(43),
} as const;
