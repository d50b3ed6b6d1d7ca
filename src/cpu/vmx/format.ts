/**
 * How this processor keeps a VMCS in its 4 KiB region of host-physical memory. Software sees only
 * the first 8 bytes (SDM volume 3C, "Format of the VMCS Region"); the rest is reached by VMREAD and
 * VMWRITE, and its layout is tied to the revision identifier.
 *
 *   0  revision identifier     8  launch state (0 clear, 1 launched)
 *   4  VMX-abort indicator    12  reserved
 *  16  the fields in the order of `FIELDS`: 8 bytes for 64-bit and natural width, else 4
 */
import { FIELDS } from '../../arch/vmcs.ts';

/** Bit 31 clear; "RL", layout 1. */
export const VMCS_REVISION = 0x524c_0001;
export const VMCS_SIZE = 0x1000;

/** Indices of 32-bit words in the region. */
export const VMCS_WORD = { REVISION: 0, ABORT: 1, LAUNCH_STATE: 2 } as const;

const FIRST_FIELD_WORD = 4;

/** Word index of each field by encoding; 0 for an encoding that does not exist. */
export const FIELD_WORD = new Uint16Array(0x8000);

let next = FIRST_FIELD_WORD;
for (const { encoding, width } of FIELDS) {
  FIELD_WORD[encoding] = next++;
  if (width === 64 || width === 'natural') {
    // Only 64-bit fields have an encoding for the upper half.
    if (width === 64) FIELD_WORD[encoding + 1] = next;
    next++;
  }
}

/** Highest index of any field, for IA32_VMX_VMCS_ENUM. */
export const HIGHEST_FIELD_INDEX = Math.max(...FIELDS.map(({ encoding }) => (encoding >> 1) & 0x1ff));

export interface FieldListener {
  read(field: number): void;
  wrote(field: number): void;
}

/** The current VMCS: its fields as 32-bit words of memory. Signed, as all 32-bit halves are here. */
export class Vmcs {
  private readonly memory: Int32Array;
  /** Told of each write to a field, by address in the linear memory; for a debugger. */
  onWrite: ((address: number, bytes: number) => void) | undefined;
  /** Hears of what a world switch reads and writes: see field-trace.ts. */
  listener: FieldListener | undefined;
  /** Index of the region's first word in `memory`. */
  private base = 0;

  constructor(memory: Int32Array) {
    this.memory = memory;
  }

  /** Uses the region at this byte address of the linear memory. */
  select(address: number): void {
    this.base = address >>> 2;
  }

  /** Bits 31:0. */
  lo(field: number): number {
    this.listener?.read(field);
    return this.memory[this.base + (FIELD_WORD[field] as number)] as number;
  }

  /** Bits 63:32 of a 64-bit or natural-width field. */
  hi(field: number): number {
    return this.memory[this.base + (FIELD_WORD[field] as number) + 1] as number;
  }

  /** A 64-bit field as a number; exact up to 2^53 (addresses, counts). */
  number(field: number): number {
    return (this.hi(field) >>> 0) * 0x1_0000_0000 + (this.lo(field) >>> 0);
  }

  set(field: number, lo: number): void {
    const word = this.base + (FIELD_WORD[field] as number);
    this.memory[word] = lo;
    this.listener?.wrote(field);
    this.onWrite?.(word * 4, 4);
  }

  set64(field: number, lo: number, hi: number): void {
    const word = this.base + (FIELD_WORD[field] as number);
    this.memory[word] = lo;
    this.memory[word + 1] = hi;
    this.listener?.wrote(field);
    this.onWrite?.(word * 4, 8);
  }

  setNumber(field: number, value: number): void {
    this.set64(field, value | 0, Math.floor(value / 0x1_0000_0000) | 0);
  }

  /** A word of the header. */
  header(word: number): number {
    return this.memory[this.base + word] as number;
  }

  setHeader(word: number, value: number): void {
    this.memory[this.base + word] = value;
  }
}
