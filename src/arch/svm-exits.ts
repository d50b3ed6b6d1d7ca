/**
 * Exit codes of AMD-V. AMD APM volume 2, appendix "SVM Intercept Exit Codes". Below NPF the code is the number
 * of the intercept's bit, counted from the start of the VMCB.
 */

export const SVM_EXIT = {
  CR0_READ: 0x00,
  CR0_WRITE: 0x10,
  DR0_READ: 0x20,
  DR0_WRITE: 0x30,
  /** Plus the vector. */
  EXCEPTION: 0x40,
  INTR: 0x60,
  NMI: 0x61,
  SMI: 0x62,
  INIT: 0x63,
  VINTR: 0x64,
  CR0_SEL_WRITE: 0x65,
  IDTR_READ: 0x66,
  GDTR_READ: 0x67,
  LDTR_READ: 0x68,
  TR_READ: 0x69,
  IDTR_WRITE: 0x6a,
  GDTR_WRITE: 0x6b,
  LDTR_WRITE: 0x6c,
  TR_WRITE: 0x6d,
  RDTSC: 0x6e,
  RDPMC: 0x6f,
  PUSHF: 0x70,
  POPF: 0x71,
  CPUID: 0x72,
  RSM: 0x73,
  IRET: 0x74,
  SWINT: 0x75,
  INVD: 0x76,
  PAUSE: 0x77,
  HLT: 0x78,
  INVLPG: 0x79,
  INVLPGA: 0x7a,
  IOIO: 0x7b,
  MSR: 0x7c,
  TASK_SWITCH: 0x7d,
  FERR_FREEZE: 0x7e,
  SHUTDOWN: 0x7f,
  VMRUN: 0x80,
  VMMCALL: 0x81,
  VMLOAD: 0x82,
  VMSAVE: 0x83,
  STGI: 0x84,
  CLGI: 0x85,
  SKINIT: 0x86,
  RDTSCP: 0x87,
  ICEBP: 0x88,
  WBINVD: 0x89,
  MONITOR: 0x8a,
  MWAIT: 0x8b,
  MWAIT_CONDITIONAL: 0x8c,
  XSETBV: 0x8d,
  INVPCID: 0xa2,
  NPF: 0x400,
  INVALID: -1,
} as const;

export type SvmExitKey = keyof typeof SVM_EXIT;

type Text = readonly [name: string, text: string];

const TEXTS: { readonly [K in SvmExitKey]: Text } = {
  CR0_READ: ['CR read', 'The guest read a control register.'],
  CR0_WRITE: ['CR write', 'The guest wrote a control register.'],
  DR0_READ: ['DR read', 'The guest read a debug register.'],
  DR0_WRITE: ['DR write', 'The guest wrote a debug register.'],
  EXCEPTION: ['exception', 'An exception that the host intercepts.'],
  INTR: ['INTR', 'A device interrupted the processor, and interrupts go to the host.'],
  NMI: ['NMI', 'A non-maskable interrupt, which goes to the host.'],
  SMI: ['SMI', 'A system-management interrupt.'],
  INIT: ['INIT', 'Another processor sent an INIT.'],
  VINTR: ['VINTR', 'The guest can take the virtual interrupt now, and the host asked to be told.'],
  CR0_SEL_WRITE: ['selective CR0 write', 'The guest changed bits of CR0 other than TS and MP.'],
  IDTR_READ: ['SIDT', 'The guest read IDTR.'],
  GDTR_READ: ['SGDT', 'The guest read GDTR.'],
  LDTR_READ: ['SLDT', 'The guest read LDTR.'],
  TR_READ: ['STR', 'The guest read TR.'],
  IDTR_WRITE: ['LIDT', 'The guest wrote IDTR.'],
  GDTR_WRITE: ['LGDT', 'The guest wrote GDTR.'],
  LDTR_WRITE: ['LLDT', 'The guest wrote LDTR.'],
  TR_WRITE: ['LTR', 'The guest wrote TR.'],
  RDTSC: ['RDTSC', 'The guest read the time-stamp counter.'],
  RDPMC: ['RDPMC', 'The guest read a performance counter.'],
  PUSHF: ['PUSHF', 'The guest pushed its flags.'],
  POPF: ['POPF', 'The guest popped its flags.'],
  CPUID: ['CPUID', 'The guest executed CPUID.'],
  RSM: ['RSM', 'The guest executed RSM.'],
  IRET: ['IRET', 'The guest is about to return from an interrupt.'],
  SWINT: ['INT n', 'The guest executed INT n.'],
  INVD: ['INVD', 'The guest executed INVD.'],
  PAUSE: ['PAUSE', 'The guest executed PAUSE.'],
  HLT: ['HLT', 'The guest halted.'],
  INVLPG: ['INVLPG', 'The guest invalidated a translation.'],
  INVLPGA: ['INVLPGA', 'The guest executed an SVM instruction.'],
  IOIO: ['IOIO', 'The guest accessed a port.'],
  MSR: ['MSR', 'The guest read or wrote a model-specific register.'],
  TASK_SWITCH: ['task switch', 'The guest attempted a hardware task switch.'],
  FERR_FREEZE: ['FERR freeze', 'A floating-point error froze the processor.'],
  SHUTDOWN: ['shutdown', 'An exception during the delivery of a double fault: the guest has shut down.'],
  VMRUN: ['VMRUN', 'The guest executed an SVM instruction.'],
  VMMCALL: ['VMMCALL', 'The guest called the hypervisor.'],
  VMLOAD: ['VMLOAD', 'The guest executed an SVM instruction.'],
  VMSAVE: ['VMSAVE', 'The guest executed an SVM instruction.'],
  STGI: ['STGI', 'The guest executed an SVM instruction.'],
  CLGI: ['CLGI', 'The guest executed an SVM instruction.'],
  SKINIT: ['SKINIT', 'The guest executed an SVM instruction.'],
  RDTSCP: ['RDTSCP', 'The guest read the time-stamp counter and processor id.'],
  ICEBP: ['ICEBP', 'The guest executed INT1.'],
  WBINVD: ['WBINVD', 'The guest wrote back and invalidated the caches.'],
  MONITOR: ['MONITOR', 'The guest executed MONITOR.'],
  MWAIT: ['MWAIT', 'The guest executed MWAIT.'],
  MWAIT_CONDITIONAL: ['MWAIT, armed', 'The guest executed MWAIT with the monitor armed.'],
  XSETBV: ['XSETBV', 'The guest executed XSETBV.'],
  INVPCID: ['INVPCID', 'The guest invalidated translations of one PCID.'],
  NPF: ['nested page fault', 'The nested page tables do not allow this access to guest-physical memory.'],
  INVALID: ['invalid', 'VMRUN found an inconsistent VMCB.'],
};

/** Codes of sixteen or thirty-two registers or vectors; each stands for those that follow it. */
const FAMILIES: readonly {
  readonly key: SvmExitKey;
  readonly last: number;
  readonly name: (n: number) => string;
}[] = [
  { key: 'CR0_READ', last: 0x0f, name: (n) => `CR${n} read` },
  { key: 'CR0_WRITE', last: 0x1f, name: (n) => `CR${n} write` },
  { key: 'DR0_READ', last: 0x2f, name: (n) => `DR${n} read` },
  { key: 'DR0_WRITE', last: 0x3f, name: (n) => `DR${n} write` },
  { key: 'EXCEPTION', last: 0x5f, name: (n) => `exception ${n}` },
];

const BY_CODE = new Map<number, Text>();
for (const key of Object.keys(SVM_EXIT) as SvmExitKey[]) BY_CODE.set(SVM_EXIT[key], TEXTS[key]);
for (const { key, last, name } of FAMILIES) {
  const first = SVM_EXIT[key];
  for (let code = first; code <= last; code++) BY_CODE.set(code, [name(code - first), TEXTS[key][1]]);
}

export const SVM_EXIT_CODES: readonly number[] = [...BY_CODE.keys()];

/** Name and text by exit code; undefined for a code that this processor does not have. */
export const svmExitText = (code: number): Text | undefined => BY_CODE.get(code);
