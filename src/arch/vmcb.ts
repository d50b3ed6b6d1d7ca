/**
 * The virtual machine control block (VMCB) of AMD-V: a page of memory with 1 KiB of controls and the state-save
 * area behind them. AMD APM volume 2, appendix "Layout of VMCB". Fields of features that the processor does
 * not show (SEV, AVIC, decode assists, LBR virtualization, VMCB clean bits) are absent.
 */

export interface VmcbField {
  /** Bytes from the start of the page. */
  readonly offset: number;
  /** Bytes: 1, 2, 4 or 8. */
  readonly width: 1 | 2 | 4 | 8;
}

const field = (offset: number, width: VmcbField['width']): VmcbField => ({ offset, width });

/** Fields of a segment register in the state-save area, 16 bytes each; GDTR and IDTR have limit and base only. */
export const VMCB_SEGMENT = { SELECTOR: 0, ATTRIBUTES: 2, LIMIT: 4, BASE: 8 } as const;

const segment = <N extends string>(name: N, offset: number) =>
  ({
    [`${name}_SELECTOR`]: field(offset + VMCB_SEGMENT.SELECTOR, 2),
    [`${name}_ATTRIBUTES`]: field(offset + VMCB_SEGMENT.ATTRIBUTES, 2),
    [`${name}_LIMIT`]: field(offset + VMCB_SEGMENT.LIMIT, 4),
    [`${name}_BASE`]: field(offset + VMCB_SEGMENT.BASE, 8),
  }) as Record<`${N}_${keyof typeof VMCB_SEGMENT}`, VmcbField>;

const table = <N extends string>(name: N, offset: number) =>
  ({
    [`${name}_LIMIT`]: field(offset + VMCB_SEGMENT.LIMIT, 4),
    [`${name}_BASE`]: field(offset + VMCB_SEGMENT.BASE, 8),
  }) as Record<`${N}_LIMIT` | `${N}_BASE`, VmcbField>;

/** By name. The intercept vectors are one string of bits: the number of a bit is the exit code (see svm-exits.ts). */
export const VMCB = {
  INTERCEPT_CR: field(0x000, 4),
  INTERCEPT_DR: field(0x004, 4),
  INTERCEPT_EXCEPTIONS: field(0x008, 4),
  INTERCEPT_MISC1: field(0x00c, 4),
  INTERCEPT_MISC2: field(0x010, 4),
  INTERCEPT_MISC3: field(0x014, 4),
  IOPM_BASE_PA: field(0x040, 8),
  MSRPM_BASE_PA: field(0x048, 8),
  TSC_OFFSET: field(0x050, 8),
  GUEST_ASID: field(0x058, 4),
  TLB_CONTROL: field(0x05c, 1),
  /** Virtual interrupt control: bits of `V_INTR`. */
  V_INTR: field(0x060, 4),
  V_INTR_VECTOR: field(0x064, 1),
  /** Bit 0: the guest is in an interrupt shadow. */
  INTERRUPT_SHADOW: field(0x068, 8),
  EXITCODE: field(0x070, 8),
  EXITINFO1: field(0x078, 8),
  EXITINFO2: field(0x080, 8),
  EXITINTINFO: field(0x088, 8),
  /** Bit 0: nested paging. */
  NP_CONTROL: field(0x090, 8),
  EVENTINJ: field(0x0a8, 8),
  N_CR3: field(0x0b0, 8),
  NRIP: field(0x0c8, 8),

  ...segment('ES', 0x400),
  ...segment('CS', 0x410),
  ...segment('SS', 0x420),
  ...segment('DS', 0x430),
  ...segment('FS', 0x440),
  ...segment('GS', 0x450),
  ...table('GDTR', 0x460),
  ...segment('LDTR', 0x470),
  ...table('IDTR', 0x480),
  ...segment('TR', 0x490),
  CPL: field(0x4cb, 1),
  EFER: field(0x4d0, 8),
  CR4: field(0x548, 8),
  CR3: field(0x550, 8),
  CR0: field(0x558, 8),
  DR7: field(0x560, 8),
  DR6: field(0x568, 8),
  RFLAGS: field(0x570, 8),
  RIP: field(0x578, 8),
  RSP: field(0x5d8, 8),
  RAX: field(0x5f8, 8),
  STAR: field(0x600, 8),
  LSTAR: field(0x608, 8),
  CSTAR: field(0x610, 8),
  SFMASK: field(0x618, 8),
  KERNEL_GS_BASE: field(0x620, 8),
  SYSENTER_CS: field(0x628, 8),
  SYSENTER_ESP: field(0x630, 8),
  SYSENTER_EIP: field(0x638, 8),
  CR2: field(0x640, 8),
  G_PAT: field(0x668, 8),
} as const;

export const VMCB_SIZE = 0x1000;
