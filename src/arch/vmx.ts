/**
 * VMX apart from the VMCS fields: controls, capability MSRs, VM-instruction errors, layouts of the
 * information fields. SDM volume 3C, "Virtual Machine Control Structures" and "VMX Instruction
 * Reference"; volume 3D, "VMX Capability Reporting Facility".
 */

/** Pin-based VM-execution controls. */
export const PIN = {
  EXTERNAL_INTERRUPT_EXITING: 1 << 0,
  NMI_EXITING: 1 << 3,
  VIRTUAL_NMIS: 1 << 5,
  PREEMPTION_TIMER: 1 << 6,
} as const;

/** Primary processor-based VM-execution controls. */
export const PRIMARY = {
  INTERRUPT_WINDOW_EXITING: 1 << 2,
  TSC_OFFSETTING: 1 << 3,
  HLT_EXITING: 1 << 7,
  INVLPG_EXITING: 1 << 9,
  MWAIT_EXITING: 1 << 10,
  RDPMC_EXITING: 1 << 11,
  RDTSC_EXITING: 1 << 12,
  CR3_LOAD_EXITING: 1 << 15,
  CR3_STORE_EXITING: 1 << 16,
  CR8_LOAD_EXITING: 1 << 19,
  CR8_STORE_EXITING: 1 << 20,
  NMI_WINDOW_EXITING: 1 << 22,
  MOV_DR_EXITING: 1 << 23,
  UNCONDITIONAL_IO_EXITING: 1 << 24,
  IO_BITMAPS: 1 << 25,
  MONITOR_TRAP_FLAG: 1 << 27,
  MSR_BITMAPS: 1 << 28,
  MONITOR_EXITING: 1 << 29,
  PAUSE_EXITING: 1 << 30,
  SECONDARY_CONTROLS: 1 << 31,
} as const;

/** Secondary processor-based VM-execution controls. */
export const SECONDARY = {
  EPT: 1 << 1,
  DESCRIPTOR_TABLE_EXITING: 1 << 2,
  RDTSCP: 1 << 3,
  VPID: 1 << 5,
  WBINVD_EXITING: 1 << 6,
  UNRESTRICTED_GUEST: 1 << 7,
  INVPCID: 1 << 12,
} as const;

/** VM-exit controls. */
export const EXIT_CONTROL = {
  SAVE_DEBUG: 1 << 2,
  HOST_64: 1 << 9,
  ACKNOWLEDGE_INTERRUPT: 1 << 15,
  SAVE_PAT: 1 << 18,
  LOAD_PAT: 1 << 19,
  SAVE_EFER: 1 << 20,
  LOAD_EFER: 1 << 21,
  SAVE_PREEMPTION_TIMER: 1 << 22,
} as const;

/** VM-entry controls. */
export const ENTRY_CONTROL = {
  LOAD_DEBUG: 1 << 2,
  IA32E_GUEST: 1 << 9,
  LOAD_PAT: 1 << 14,
  LOAD_EFER: 1 << 15,
} as const;

const all = (bits: Readonly<Record<string, number>>) => Object.values(bits).reduce((a, b) => a | b, 0);

/**
 * What may be chosen in each control field. `default1` bits must be 1 unless the TRUE capability MSR
 * frees them; `free` are those of them that it frees; `settable` are the controls above.
 * SDM volume 3D, "VM-Execution Controls" under "VMX Capability Reporting Facility".
 */
export const CONTROL_FIELDS = {
  pin: { default1: 0x16, free: 0, settable: all(PIN) },
  primary: { default1: 0x0401_e172, free: 0x0001_8000, settable: all(PRIMARY) },
  secondary: { default1: 0, free: 0, settable: all(SECONDARY) },
  exit: { default1: 0x0003_6dff, free: 0x4, settable: all(EXIT_CONTROL) },
  entry: { default1: 0x0000_11ff, free: 0x4, settable: all(ENTRY_CONTROL) },
} as const;

export type ControlField = keyof typeof CONTROL_FIELDS;

/** Bits of a control field that have to be 1, by the TRUE capability MSRs. */
export const mustBe1 = (field: ControlField): number =>
  CONTROL_FIELDS[field].default1 & ~CONTROL_FIELDS[field].free;

/** Bits of a control field that may be 1. */
export const mayBe1 = (field: ControlField): number =>
  CONTROL_FIELDS[field].default1 | CONTROL_FIELDS[field].settable;

/** MSRs of VMX. SDM volume 3D, "VMX Capability Reporting Facility"; FEATURE_CONTROL volume 4. */
export const VMX_MSR = {
  FEATURE_CONTROL: 0x3a,
  BASIC: 0x480,
  PINBASED_CTLS: 0x481,
  PROCBASED_CTLS: 0x482,
  EXIT_CTLS: 0x483,
  ENTRY_CTLS: 0x484,
  MISC: 0x485,
  CR0_FIXED0: 0x486,
  CR0_FIXED1: 0x487,
  CR4_FIXED0: 0x488,
  CR4_FIXED1: 0x489,
  VMCS_ENUM: 0x48a,
  PROCBASED_CTLS2: 0x48b,
  EPT_VPID_CAP: 0x48c,
  TRUE_PINBASED_CTLS: 0x48d,
  TRUE_PROCBASED_CTLS: 0x48e,
  TRUE_EXIT_CTLS: 0x48f,
  TRUE_ENTRY_CTLS: 0x490,
  VMFUNC: 0x491,
} as const;

export const FEATURE_CONTROL = { LOCK: 1, VMXON_IN_SMX: 2, VMXON_OUTSIDE_SMX: 4 } as const;

/** VM-instruction errors. SDM volume 3C, "VM Instruction Error Numbers". */
export const VM_ERROR = {
  VMCALL_IN_ROOT: 1,
  VMCLEAR_INVALID_ADDRESS: 2,
  VMCLEAR_VMXON_POINTER: 3,
  VMLAUNCH_NOT_CLEAR: 4,
  VMRESUME_NOT_LAUNCHED: 5,
  VMRESUME_AFTER_VMXOFF: 6,
  ENTRY_INVALID_CONTROLS: 7,
  ENTRY_INVALID_HOST_STATE: 8,
  VMPTRLD_INVALID_ADDRESS: 9,
  VMPTRLD_VMXON_POINTER: 10,
  VMPTRLD_WRONG_REVISION: 11,
  UNSUPPORTED_FIELD: 12,
  VMWRITE_READ_ONLY: 13,
  VMXON_IN_ROOT: 15,
  ENTRY_INVALID_EXECUTIVE_POINTER: 16,
  ENTRY_EXECUTIVE_NOT_LAUNCHED: 17,
  ENTRY_EXECUTIVE_NOT_VMXON: 18,
  VMCALL_NOT_CLEAR: 19,
  VMCALL_INVALID_EXIT_CONTROLS: 20,
  VMCALL_WRONG_MSEG: 22,
  VMXOFF_DUAL_MONITOR: 23,
  VMCALL_INVALID_SMM: 24,
  ENTRY_INVALID_EXECUTION_CONTROLS: 25,
  ENTRY_BLOCKED_BY_MOV_SS: 26,
  INVALID_OPERAND: 28,
} as const;

export const VM_ERROR_TEXTS: Readonly<Record<number, string>> = {
  1: 'VMCALL executed in VMX root operation',
  2: 'VMCLEAR with an invalid physical address',
  3: 'VMCLEAR with the VMXON pointer',
  4: 'VMLAUNCH with a VMCS that is not clear',
  5: 'VMRESUME with a VMCS that is not launched',
  6: 'VMRESUME after VMXOFF',
  7: 'VM entry with invalid control fields',
  8: 'VM entry with invalid host-state fields',
  9: 'VMPTRLD with an invalid physical address',
  10: 'VMPTRLD with the VMXON pointer',
  11: 'VMPTRLD with an incorrect VMCS revision identifier',
  12: 'VMREAD or VMWRITE of an unsupported VMCS component',
  13: 'VMWRITE to a read-only VMCS component',
  15: 'VMXON executed in VMX root operation',
  16: 'VM entry with an invalid executive-VMCS pointer',
  17: 'VM entry with an executive VMCS that is not launched',
  18: 'VM entry with an executive-VMCS pointer that is not the VMXON pointer',
  19: 'VMCALL with a VMCS that is not clear',
  20: 'VMCALL with invalid VM-exit control fields',
  22: 'VMCALL with an incorrect MSEG revision identifier',
  23: 'VMXOFF under the dual-monitor treatment of SMM',
  24: 'VMCALL with invalid SMM-monitor features',
  25: 'VM entry with invalid VM-execution control fields in the executive VMCS',
  26: 'VM entry with events blocked by MOV SS',
  28: 'Invalid operand to INVEPT or INVVPID',
};

/**
 * Interruption information, for VM entry, VM exit and IDT vectoring alike: bits 7:0 vector, 10:8
 * type, 11 an error code goes with it, 12 NMI unblocking by IRET (exit only), 31 valid.
 */
export const INTERRUPTION = {
  VECTOR: 0xff,
  TYPE_SHIFT: 8,
  ERROR_CODE: 1 << 11,
  NMI_UNBLOCKING: 1 << 12,
  VALID: 1 << 31,
} as const;

export const INTERRUPTION_TYPE = {
  EXTERNAL: 0,
  NMI: 2,
  HARDWARE_EXCEPTION: 3,
  SOFTWARE_INTERRUPT: 4,
  PRIVILEGED_SOFTWARE_EXCEPTION: 5,
  SOFTWARE_EXCEPTION: 6,
  OTHER_EVENT: 7,
} as const;

/** Guest interruptibility state. */
export const BLOCKING = { STI: 1, MOV_SS: 2, SMI: 4, NMI: 8 } as const;

/** Guest activity state. */
export const ACTIVITY = { ACTIVE: 0, HLT: 1, SHUTDOWN: 2, WAIT_FOR_SIPI: 3 } as const;

/** Access rights of a segment: bit that says the register holds nothing usable. */
export const UNUSABLE = 1 << 16;

/** Pending debug exceptions: B0-B3 at 3:0, then these. */
export const PENDING_DEBUG = { ENABLED_BREAKPOINT: 1 << 12, SINGLE_STEP: 1 << 14 } as const;

/** Exit qualification of a control-register access. */
export const CR_ACCESS = {
  /** Bits 3:0. */
  NUMBER: 0xf,
  TYPE_SHIFT: 4,
  TYPE: { MOV_TO: 0, MOV_FROM: 1, CLTS: 2, LMSW: 3 },
  LMSW_MEMORY: 1 << 6,
  REGISTER_SHIFT: 8,
  LMSW_SOURCE_SHIFT: 16,
} as const;

/** Exit qualification of an I/O instruction: bits 2:0 size less one, 31:16 port. */
export const IO_ACCESS = {
  SIZE: 7,
  IN: 1 << 3,
  STRING: 1 << 4,
  REP: 1 << 5,
  IMMEDIATE: 1 << 6,
  PORT_SHIFT: 16,
} as const;

/** Exit qualification of MOV DR: bits 2:0 debug register, 11:8 general register. */
export const DR_ACCESS = { NUMBER: 7, FROM: 1 << 4, REGISTER_SHIFT: 8 } as const;

/** Exit qualification of a task switch: bits 15:0 selector, 31:30 source. */
export const TASK_SWITCH = { SOURCE_SHIFT: 30, SOURCE: { CALL: 0, IRET: 1, JMP: 2, TASK_GATE: 3 } } as const;

/** Exit qualification of VM-entry failures by invalid guest state. */
export const ENTRY_FAILURE_QUALIFICATION = { PDPTE: 2, NMI_INJECTION: 3, LINK_POINTER: 4 } as const;

/** MSR bitmap: byte offsets of the four KiB in its page. Low: MSRs 0-1FFFh; high: C0000000h-C0001FFFh. */
export const MSR_BITMAP = { READ_LOW: 0, READ_HIGH: 0x400, WRITE_LOW: 0x800, WRITE_HIGH: 0xc00 } as const;

/** Entries of the MSR lists: u32 index, u32 reserved, u64 value. */
export const MSR_ENTRY_SIZE = 16;
