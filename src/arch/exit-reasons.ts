/**
 * Basic exit reasons. SDM volume 3C, "VMX Basic Exit Reasons". One table gives number, name and
 * text; the numbers are also available by key as `EXIT.CPUID` etc. Where exits of both techniques are told
 * by one number, those of AMD-V are from `SVM_REASONS` on.
 */
import { SVM_EXIT, SVM_EXIT_CODES, svmExitText } from './svm-exits.ts';

export const EXIT = {
  EXCEPTION_OR_NMI: 0,
  EXTERNAL_INTERRUPT: 1,
  TRIPLE_FAULT: 2,
  INIT: 3,
  SIPI: 4,
  IO_SMI: 5,
  OTHER_SMI: 6,
  INTERRUPT_WINDOW: 7,
  NMI_WINDOW: 8,
  TASK_SWITCH: 9,
  CPUID: 10,
  GETSEC: 11,
  HLT: 12,
  INVD: 13,
  INVLPG: 14,
  RDPMC: 15,
  RDTSC: 16,
  RSM: 17,
  VMCALL: 18,
  VMCLEAR: 19,
  VMLAUNCH: 20,
  VMPTRLD: 21,
  VMPTRST: 22,
  VMREAD: 23,
  VMRESUME: 24,
  VMWRITE: 25,
  VMXOFF: 26,
  VMXON: 27,
  CR_ACCESS: 28,
  MOV_DR: 29,
  IO_INSTRUCTION: 30,
  RDMSR: 31,
  WRMSR: 32,
  ENTRY_FAILURE_GUEST_STATE: 33,
  ENTRY_FAILURE_MSR_LOADING: 34,
  MWAIT: 36,
  MONITOR_TRAP_FLAG: 37,
  MONITOR: 39,
  PAUSE: 40,
  ENTRY_FAILURE_MACHINE_CHECK: 41,
  TPR_BELOW_THRESHOLD: 43,
  APIC_ACCESS: 44,
  VIRTUALIZED_EOI: 45,
  GDTR_IDTR_ACCESS: 46,
  LDTR_TR_ACCESS: 47,
  EPT_VIOLATION: 48,
  EPT_MISCONFIGURATION: 49,
  INVEPT: 50,
  RDTSCP: 51,
  PREEMPTION_TIMER: 52,
  INVVPID: 53,
  WBINVD: 54,
  XSETBV: 55,
  APIC_WRITE: 56,
  RDRAND: 57,
  INVPCID: 58,
  VMFUNC: 59,
  ENCLS: 60,
  RDSEED: 61,
  PML_FULL: 62,
  XSAVES: 63,
  XRSTORS: 64,
} as const;

export type ExitKey = keyof typeof EXIT;

/** One more than the highest number: the length of a table indexed by basic exit reason. */
export const EXIT_REASONS_LENGTH = 65;

/** Bit 31 of the exit reason: VM entry failed and the guest never ran. */
export const ENTRY_FAILURE = 0x8000_0000;

export interface ExitReason {
  readonly number: number;
  /** As the page shows it. */
  readonly name: string;
  readonly text: string;
}

const TEXTS: { readonly [K in ExitKey]: readonly [name: string, text: string] } = {
  EXCEPTION_OR_NMI: ['exception or NMI', 'An exception selected by the exception bitmap, or an NMI.'],
  EXTERNAL_INTERRUPT: [
    'external interrupt',
    'A device interrupted the processor, and interrupts go to the host.',
  ],
  TRIPLE_FAULT: [
    'triple fault',
    'An exception during the delivery of a double fault: the guest has shut down.',
  ],
  INIT: ['INIT signal', 'Another processor sent an INIT.'],
  SIPI: ['start-up IPI', 'A start-up IPI reached a processor that waits for one.'],
  IO_SMI: ['I/O SMI', 'A system-management interrupt after an I/O instruction.'],
  OTHER_SMI: ['other SMI', 'A system-management interrupt.'],
  INTERRUPT_WINDOW: [
    'interrupt window',
    'The guest can take an interrupt now, and the host asked to be told.',
  ],
  NMI_WINDOW: ['NMI window', 'The guest can take an NMI now, and the host asked to be told.'],
  TASK_SWITCH: ['task switch', 'The guest attempted a hardware task switch.'],
  CPUID: ['CPUID', 'The guest executed CPUID; it always exits.'],
  GETSEC: ['GETSEC', 'The guest executed GETSEC; it always exits.'],
  HLT: ['HLT', 'The guest halted.'],
  INVD: ['INVD', 'The guest executed INVD; it always exits.'],
  INVLPG: ['INVLPG', 'The guest invalidated a translation.'],
  RDPMC: ['RDPMC', 'The guest read a performance counter.'],
  RDTSC: ['RDTSC', 'The guest read the time-stamp counter.'],
  RSM: ['RSM', 'The guest executed RSM in system-management mode.'],
  VMCALL: ['VMCALL', 'The guest called the hypervisor.'],
  VMCLEAR: ['VMCLEAR', 'The guest executed a VMX instruction.'],
  VMLAUNCH: ['VMLAUNCH', 'The guest executed a VMX instruction.'],
  VMPTRLD: ['VMPTRLD', 'The guest executed a VMX instruction.'],
  VMPTRST: ['VMPTRST', 'The guest executed a VMX instruction.'],
  VMREAD: ['VMREAD', 'The guest executed a VMX instruction.'],
  VMRESUME: ['VMRESUME', 'The guest executed a VMX instruction.'],
  VMWRITE: ['VMWRITE', 'The guest executed a VMX instruction.'],
  VMXOFF: ['VMXOFF', 'The guest executed a VMX instruction.'],
  VMXON: ['VMXON', 'The guest executed a VMX instruction.'],
  CR_ACCESS: [
    'control-register access',
    'The guest accessed CR0, CR3, CR4 or CR8, or executed CLTS or LMSW.',
  ],
  MOV_DR: ['MOV DR', 'The guest accessed a debug register.'],
  IO_INSTRUCTION: ['I/O instruction', 'The guest accessed a port.'],
  RDMSR: ['RDMSR', 'The guest read a model-specific register.'],
  WRMSR: ['WRMSR', 'The guest wrote a model-specific register.'],
  ENTRY_FAILURE_GUEST_STATE: ['entry failure: guest state', 'VM entry found an inconsistent guest state.'],
  ENTRY_FAILURE_MSR_LOADING: ['entry failure: MSR loading', 'VM entry could not load an MSR of its list.'],
  MWAIT: ['MWAIT', 'The guest executed MWAIT.'],
  MONITOR_TRAP_FLAG: [
    'monitor trap flag',
    'The guest completed one instruction, and the host asked to be told.',
  ],
  MONITOR: ['MONITOR', 'The guest executed MONITOR.'],
  PAUSE: ['PAUSE', 'The guest executed PAUSE.'],
  ENTRY_FAILURE_MACHINE_CHECK: ['entry failure: machine check', 'A machine check happened during VM entry.'],
  TPR_BELOW_THRESHOLD: ['TPR below threshold', "The guest's task priority fell below the threshold."],
  APIC_ACCESS: ['APIC access', 'The guest accessed the APIC-access page.'],
  VIRTUALIZED_EOI: ['virtualized EOI', 'The guest ended an interrupt that the host wants to know of.'],
  GDTR_IDTR_ACCESS: ['GDTR or IDTR access', 'The guest executed LGDT, LIDT, SGDT or SIDT.'],
  LDTR_TR_ACCESS: ['LDTR or TR access', 'The guest executed LLDT, LTR, SLDT or STR.'],
  EPT_VIOLATION: ['EPT violation', 'EPT does not allow this access to guest-physical memory.'],
  EPT_MISCONFIGURATION: [
    'EPT misconfiguration',
    'An EPT entry holds a combination of bits that means nothing.',
  ],
  INVEPT: ['INVEPT', 'The guest executed a VMX instruction.'],
  RDTSCP: ['RDTSCP', 'The guest read the time-stamp counter and processor id.'],
  PREEMPTION_TIMER: ['preemption timer', 'The time that the host had set for the guest is over.'],
  INVVPID: ['INVVPID', 'The guest executed a VMX instruction.'],
  WBINVD: ['WBINVD', 'The guest wrote back and invalidated the caches.'],
  XSETBV: ['XSETBV', 'The guest executed XSETBV; it always exits.'],
  APIC_WRITE: ['APIC write', 'The guest wrote to its virtual APIC page.'],
  RDRAND: ['RDRAND', 'The guest executed RDRAND.'],
  INVPCID: ['INVPCID', 'The guest invalidated translations of one PCID.'],
  VMFUNC: ['VMFUNC', 'The guest invoked a VM function that is not enabled.'],
  ENCLS: ['ENCLS', 'The guest executed ENCLS.'],
  RDSEED: ['RDSEED', 'The guest executed RDSEED.'],
  PML_FULL: ['page-modification log full', 'The log of written pages is full.'],
  XSAVES: ['XSAVES', 'The guest executed XSAVES.'],
  XRSTORS: ['XRSTORS', 'The guest executed XRSTORS.'],
};

const BY_NUMBER: (ExitReason | undefined)[] = [];
for (const key of Object.keys(EXIT) as ExitKey[]) {
  const [name, text] = TEXTS[key];
  BY_NUMBER[EXIT[key]] = { number: EXIT[key], name, text };
}

/** Reasons of AMD-V: this plus the exit code. */
const SVM_REASONS = 0x1000;
const SVM_INVALID = 0xffff;

/** The reason that stands for an exit code of AMD-V. */
export const svmReason = (code: number): number =>
  code === SVM_EXIT.INVALID ? SVM_INVALID : SVM_REASONS + code;

export const isSvmReason = (reason: number): boolean => reason >= SVM_REASONS;

/** Name and text of an exit reason; bits above the basic reason are ignored. */
export function exitReason(reason: number): ExitReason {
  const number = reason & 0xffff;
  const known = number < SVM_REASONS ? BY_NUMBER[number] : svmExitReason(number);
  return known ?? { number, name: `reason ${number}`, text: 'Not a reason of this processor.' };
}

function svmExitReason(number: number): ExitReason | undefined {
  const known = svmExitText(number === SVM_INVALID ? SVM_EXIT.INVALID : number - SVM_REASONS);
  return known && { number, name: known[0], text: known[1] };
}

/** All that there are, of both techniques. */
export const EXIT_REASONS: readonly ExitReason[] = [
  ...BY_NUMBER.filter((reason) => reason !== undefined),
  ...SVM_EXIT_CODES.map((code) => exitReason(svmReason(code))),
];
