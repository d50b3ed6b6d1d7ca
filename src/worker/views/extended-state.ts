import { NAMED_MSRS } from '../../arch/named-msrs.ts';

/** x87, MMX and SSE registers as the processor keeps them. */
export interface FloatState {
  /** 16 registers of 16 bytes. */
  readonly xmm: Uint8Array;
  /** Physical registers R0-R7, 16 bytes each: significand, then sign and exponent. */
  readonly x87: Uint8Array;
  readonly fcw: number;
  /** Without TOP. */
  readonly fsw: number;
  readonly top: number;
  /** Bit n: physical register n is not empty. */
  readonly tags: number;
  readonly mxcsr: number;
  /** Opcode of the last x87 instruction, and the pointers to it and to its operand, with their selectors. */
  readonly fop: number;
  readonly fip: bigint;
  readonly fcs: number;
  readonly fdp: bigint;
  readonly fds: number;
}

/** State of a vCPU that few views need. */
export interface ExtendedState {
  /** DR0 to DR7; DR4 and DR5 are 0. */
  readonly debug: readonly bigint[];
  /** By index; those of `NAMED_MSRS` that exist. */
  readonly msrs: ReadonlyMap<number, bigint>;
  readonly float: FloatState;
  /** Priority class below which the local APIC holds interrupts back. */
  readonly cr8: number;
}

/** Bytes of the control words from FCW on, with the places of each (STATE in src/isa/state.ts). */
export const FLOAT_CONTROL = {
  FCW: 0,
  FSW: 2,
  TOP: 4,
  TAGS: 8,
  FOP: 0xc,
  FIP: 0x10,
  FDP: 0x18,
  FCS: 0x20,
  FDS: 0x22,
  MXCSR: 0x28,
} as const;

export function floatState(xmm: Uint8Array, x87: Uint8Array, control: Uint8Array): FloatState {
  const view = new DataView(control.buffer, control.byteOffset, control.byteLength);
  return {
    xmm: xmm.slice(),
    x87: x87.slice(),
    fcw: view.getUint16(FLOAT_CONTROL.FCW, true),
    fsw: view.getUint16(FLOAT_CONTROL.FSW, true),
    top: view.getInt32(FLOAT_CONTROL.TOP, true) & 7,
    tags: view.getInt32(FLOAT_CONTROL.TAGS, true),
    mxcsr: view.getUint32(FLOAT_CONTROL.MXCSR, true),
    fop: view.getUint16(FLOAT_CONTROL.FOP, true),
    fip: view.getBigUint64(FLOAT_CONTROL.FIP, true),
    fcs: view.getUint16(FLOAT_CONTROL.FCS, true),
    fdp: view.getBigUint64(FLOAT_CONTROL.FDP, true),
    fds: view.getUint16(FLOAT_CONTROL.FDS, true),
  };
}

/** @param read undefined where there is no such MSR */
export function namedMsrs(read: (index: number) => bigint | undefined): Map<number, bigint> {
  const values = new Map<number, bigint>();
  for (const { index } of NAMED_MSRS) {
    const value = read(index);
    if (value !== undefined) values.set(index, value);
  }
  return values;
}
