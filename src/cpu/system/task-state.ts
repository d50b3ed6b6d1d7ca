/** The two task-state segment formats. SDM volume 3A, "Task-State Segment (TSS)", "16-Bit Task-State Segment (TSS)". */
import { GPR, SEG } from '../../arch/registers.ts';
import type { SystemContext } from './context.ts';

/** Offsets in bytes of what a task switch saves and loads. */
export interface TssLayout {
  /** Smallest legal segment limit. */
  readonly minimumLimit: number;
  /** Size of the register fields. */
  readonly size: 2 | 4;
  readonly ip: number;
  readonly flags: number;
  /** EAX; the others follow in encoding order. */
  readonly registers: number;
  /** ES; CS, SS, DS (FS, GS) follow. */
  readonly segments: number;
  /** Distance of the segment fields. */
  readonly segmentStride: 2 | 4;
  readonly segmentCount: 4 | 6;
  readonly ldt: number;
  readonly cr3: number | undefined;
  /** Bit 0 of this field is the debug trap flag. */
  readonly debugTrap: number | undefined;
}

export const TSS32: TssLayout = {
  minimumLimit: 0x67,
  size: 4,
  ip: 32,
  flags: 36,
  registers: 40,
  segments: 72,
  segmentStride: 4,
  segmentCount: 6,
  ldt: 96,
  cr3: 28,
  debugTrap: 100,
};

export const TSS16: TssLayout = {
  minimumLimit: 0x2b,
  size: 2,
  ip: 14,
  flags: 16,
  registers: 18,
  segments: 34,
  segmentStride: 2,
  segmentCount: 4,
  ldt: 42,
  cr3: undefined,
  debugTrap: undefined,
};

/** Contents of a TSS. `segments` in SEG order; FS and GS of a 16-bit TSS are null. */
export interface TaskState {
  readonly eip: number;
  readonly eflags: number;
  readonly registers: readonly number[];
  readonly segments: readonly number[];
  readonly ldt: number;
  readonly cr3: number | undefined;
  readonly debugTrap: boolean;
}

/** Reads a TSS at linear address `base`; undefined after a page fault. */
export function readTask(c: SystemContext, layout: TssLayout, base: number): TaskState | undefined {
  let complete = true;
  const field = (offset: number, bytes: 2 | 4): number => {
    complete &&= c.memory.read((base + offset) >>> 0, bytes, true);
    return c.memory.lo;
  };
  const { size } = layout;
  const state: TaskState = {
    eip: field(layout.ip, size),
    eflags: field(layout.flags, size),
    registers: Array.from({ length: 8 }, (_, n) => field(layout.registers + n * size, size)),
    segments: Array.from({ length: 6 }, (_, n) =>
      n < layout.segmentCount ? field(layout.segments + n * layout.segmentStride, 2) : 0,
    ),
    ldt: field(layout.ldt, 2),
    cr3: layout.cr3 === undefined ? undefined : field(layout.cr3, 4),
    debugTrap: layout.debugTrap !== undefined && (field(layout.debugTrap, 2) & 1) !== 0,
  };
  return complete ? state : undefined;
}

/** Saves the registers into the TSS at `base`, which is known to be writable. */
export function writeTask(
  c: SystemContext,
  layout: TssLayout,
  base: number,
  eip: number,
  eflags: number,
): void {
  const r = c.regs;
  const put = (offset: number, bytes: 2 | 4, value: number): void => {
    c.memory.write((base + offset) >>> 0, bytes, bytes === 2 ? value & 0xffff : value >>> 0, 0, true);
  };
  put(layout.ip, layout.size, eip);
  put(layout.flags, layout.size, eflags);
  for (let n = GPR.RAX; n <= GPR.RDI; n++) put(layout.registers + n * layout.size, layout.size, r.gprLo(n));
  for (let n = SEG.ES; n < layout.segmentCount; n++) {
    put(layout.segments + n * layout.segmentStride, 2, r.selector(n));
  }
}
