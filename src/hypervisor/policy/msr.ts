/**
 * MSRs whose accesses exit. The local APIC's belong to the virtual one; the time-stamp counter is
 * adjusted; some are plain values that only have to be kept; all others do not exist.
 */
import type { Vcpu } from '../vcpu.ts';

export interface MsrValue {
  readonly lo: number;
  readonly hi: number;
}

interface MsrHandler {
  /** undefined: #GP(0) */
  read(vcpu: Vcpu): MsrValue | undefined;
  /** false: #GP(0) */
  write(vcpu: Vcpu, lo: number, hi: number): boolean;
}

const apic = (index: number): MsrHandler => ({
  read: (v) => v.vm.board.localApics[v.index].readMsr(index),
  write: (v, lo, hi) => v.vm.board.localApics[v.index].writeMsr(index, lo, hi),
});

const stored = (index: number, lo = 0, hi = 0, writable = true): MsrHandler => ({
  read: (v) => v.storedMsrs.get(index) ?? { lo, hi },
  write: (v, newLo, newHi) => {
    if (writable) v.storedMsrs.set(index, { lo: newLo, hi: newHi });
    return writable;
  },
});

/** Written by software only to be ignored here. */
const ignored: MsrHandler = { read: () => ({ lo: 0, hi: 0 }), write: () => true };

const TSC: MsrHandler = {
  read: () => undefined,
  write: (v, lo, hi) => {
    v.vm.writeTsc(hi * 0x1_0000_0000 + lo);
    return true;
  },
};

const MTRR_CAP = { lo: (1 << 10) | (1 << 8) | 8, hi: 0 };
const FIXED_MTRRS = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f];
const VARIABLE_MTRRS = Array.from({ length: 16 }, (_, i) => 0x200 + i);
/** MTRRs on, write-back by default. */
const MTRR_DEFAULT = 0x806;

const rows: [number, MsrHandler][] = [
  [0x10, TSC],
  [0x17, stored(0x17, 0, 0, false)],
  [0x1b, apic(0x1b)],
  [0x79, ignored],
  // Microcode revision 1.
  [0x8b, { read: () => ({ lo: 0, hi: 1 }), write: () => true }],
  [0xfe, stored(0xfe, MTRR_CAP.lo, MTRR_CAP.hi, false)],
  // Machine checks: no banks.
  [0x179, stored(0x179, 0, 0, false)],
  [0x17a, stored(0x17a)],
  // Fast strings.
  [0x1a0, stored(0x1a0, 1)],
  [0x1d9, ignored],
  [0x2ff, stored(0x2ff, MTRR_DEFAULT)],
  ...[...FIXED_MTRRS, ...VARIABLE_MTRRS].map((index): [number, MsrHandler] => [index, stored(index)]),
  [0x6e0, apic(0x6e0)],
];

const HANDLERS: ReadonlyMap<number, MsrHandler> = new Map(rows);

const handlerOf = (index: number): MsrHandler | undefined =>
  index >= 0x800 && index < 0x900 ? apic(index) : HANDLERS.get(index);

export const readGuestMsr = (vcpu: Vcpu, index: number): MsrValue | undefined => handlerOf(index)?.read(vcpu);

export const writeGuestMsr = (vcpu: Vcpu, index: number, lo: number, hi: number): boolean =>
  handlerOf(index)?.write(vcpu, lo, hi) ?? false;
