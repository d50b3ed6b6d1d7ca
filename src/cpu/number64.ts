/** 64-bit quantities as JavaScript numbers and as (lo, hi) pairs of u32. */

/** True for a linear address that 4-level paging accepts: bits 63:47 all equal. */
export const isCanonical = (address: number): boolean =>
  address >= -0x8000_0000_0000 && address <= 0x7fff_ffff_ffff;

/** The signed 64-bit value of a pair. Exact when it is canonical; never canonical when the value is not. */
export const signedNumber = (lo: number, hi: number): number => (hi | 0) * 0x1_0000_0000 + (lo >>> 0);

/** Upper 32 bits (i32) of a signed 64-bit number; its lower 32 bits are `value >>> 0`. */
export const upperHalf = (value: number): number => Math.floor(value / 0x1_0000_0000) | 0;
