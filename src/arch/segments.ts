/**
 * Segment descriptors and selectors. SDM volume 3A, "Segment Descriptors", "System Descriptor Types".
 *
 *   63      56 55  52 51  48 47     40 39       16 15        0
 *   base 31:24 G B L A limit  P DPL S type base 23:0  limit 15:0
 */

/**
 * Attributes of a loaded segment register, in the layout of the VMCS access-rights field (SDM volume 3C,
 * "Guest Register State"): bits 7:0 and 15:12 of descriptor bits 55:40, bit 16 = unusable.
 */
export const ATTRIBUTE = {
  TYPE: 0xf,
  ACCESSED: 1 << 0,
  /** Data segments. */
  WRITABLE: 1 << 1,
  EXPAND_DOWN: 1 << 2,
  /** Code segments. */
  READABLE: 1 << 1,
  CONFORMING: 1 << 2,
  CODE: 1 << 3,
  /** Bit 1 of the type of a TSS descriptor. */
  BUSY: 1 << 1,
  /** 1: code or data; 0: system descriptor. */
  S: 1 << 4,
  DPL: 3 << 5,
  P: 1 << 7,
  AVL: 1 << 12,
  L: 1 << 13,
  DB: 1 << 14,
  G: 1 << 15,
  /** The register was loaded with a null selector. */
  UNUSABLE: 1 << 16,
} as const;

export const dplOf = (attributes: number): number => (attributes >> 5) & 3;

/** System descriptor types (S = 0). */
export const SYSTEM_TYPE = {
  TSS16_AVAILABLE: 1,
  LDT: 2,
  TSS16_BUSY: 3,
  CALL_GATE16: 4,
  TASK_GATE: 5,
  INTERRUPT_GATE16: 6,
  TRAP_GATE16: 7,
  /** 64-bit TSS in IA-32e mode; the same holds for the 32-bit gates below. */
  TSS32_AVAILABLE: 9,
  TSS32_BUSY: 11,
  CALL_GATE32: 12,
  INTERRUPT_GATE32: 14,
  TRAP_GATE32: 15,
} as const;

/** Selector fields. */
export const SELECTOR = { RPL: 3, TI: 4, INDEX: 0xfff8 } as const;

/** Selectors 0 to 3 are null. */
export const isNullSelector = (selector: number): boolean => (selector & 0xfffc) === 0;

/** Attributes (see ATTRIBUTE) from the upper word of a descriptor. */
export const attributesOf = (hi: number): number => (hi >>> 8) & 0xf0ff;

/** Limit in bytes, granularity applied; u32. */
export function limitOf(lo: number, hi: number): number {
  const limit = (lo & 0xffff) | (hi & 0xf_0000);
  return hi & (1 << 23) ? ((limit << 12) | 0xfff) >>> 0 : limit;
}

/** Bits 31:0 of the base; u32. */
export const baseOf = (lo: number, hi: number): number =>
  ((lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff00_0000)) >>> 0;

/** Attributes of segments in real-address mode (read/write, accessed, DPL 0) and virtual-8086 mode (DPL 3). */
export const REAL_MODE_ATTRIBUTES = 0x93;
export const VM86_ATTRIBUTES = 0xf3;
