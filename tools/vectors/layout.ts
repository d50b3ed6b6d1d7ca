/**
 * The state of the processor and of the data window, before or after an instruction: 800 bytes, little-endian,
 * the same in execute.c and here.
 *
 *     0    16 x u64   RAX RCX RDX RBX RSP RBP RSI RDI R8-R15
 *     128  u64        RIP
 *     136  u32        RFLAGS, only RECORDED_FLAGS
 *     140  u32        MXCSR
 *     144  u16        x87 control word
 *     146  u16        x87 status word
 *     148  u16        x87 tags as FXSAVE has them: bit i is 1 when physical register i is not empty
 *     150  10 bytes   zero
 *     160  8 x 16     ST(0)-ST(7), 10 bytes each, then zero
 *     288  16 x 16    XMM0-XMM15
 *     544  256 bytes  the data window
 */
export const STATE_SIZE = 800;

export const OFFSET = {
  gpr: 0,
  rip: 128,
  rflags: 136,
  mxcsr: 140,
  fcw: 144,
  fsw: 146,
  ftw: 148,
  st: 160,
  xmm: 288,
  window: 544,
} as const;

/** Linear address of the instruction. Its page can be written and executed. */
export const CODE = 0x1000_0100;
/** Linear address of the data window, the end of its page. The next page is not present. */
export const WINDOW = 0x2000_0f00;
/** Bytes of the window. */
export const WINDOW_SIZE = 256;
/** The window's page once more, where 16-bit addresses reach it; the page at 1_0000h is not present either. */
export const LOW_WINDOW = 0xff00;

/** Flags in RFLAGS by the letters that tables use. */
export const FLAG = { C: 0x001, P: 0x004, A: 0x010, Z: 0x040, S: 0x080, D: 0x400, O: 0x800 } as const;
/** OF, DF, IF (always 1), SF, ZF, AF, PF, bit 1 (always 1), CF. */
export const RECORDED_FLAGS = 0xed7;

/** The mask for letters such as "OSZAPC". */
export function flagMask(letters: string): number {
  let mask = 0;
  for (const letter of letters) {
    const flag = FLAG[letter as keyof typeof FLAG];
    if (flag === undefined) throw new Error(`no flag "${letter}" in "${letters}"`);
    mask |= flag;
  }
  return mask;
}

/** Numbers of general registers. */
export const R = { AX: 0, CX: 1, DX: 2, BX: 3, SP: 4, BP: 5, SI: 6, DI: 7 } as const;

/** A part of the state that a change names; at most 16 bytes. */
export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const GPR_NAMES = 'RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15'.split(' ');
const row = (length: number, make: (i: number) => Field): Field[] =>
  Array.from({ length }, (_, i) => make(i));

/** The whole state, cut into fields; their order is part of the file format. */
export const FIELDS: readonly Field[] = [
  ...GPR_NAMES.map((name, i) => ({ name, offset: OFFSET.gpr + 8 * i, size: 8 })),
  { name: 'RIP', offset: OFFSET.rip, size: 8 },
  { name: 'RFLAGS', offset: OFFSET.rflags, size: 4 },
  { name: 'MXCSR', offset: OFFSET.mxcsr, size: 4 },
  { name: 'FCW', offset: OFFSET.fcw, size: 2 },
  { name: 'FSW', offset: OFFSET.fsw, size: 2 },
  { name: 'FTW', offset: OFFSET.ftw, size: 2 },
  ...row(8, (i) => ({ name: `ST(${i})`, offset: OFFSET.st + 16 * i, size: 10 })),
  ...row(16, (i) => ({ name: `XMM${i}`, offset: OFFSET.xmm + 16 * i, size: 16 })),
  ...row(16, (i) => ({ name: `window[${16 * i}]`, offset: OFFSET.window + 16 * i, size: 16 })),
];

/** One machine state with views of different widths on the same bytes. */
export class State {
  readonly bytes = new Uint8Array(STATE_SIZE);
  readonly u16 = new Uint16Array(this.bytes.buffer);
  readonly u32 = new Uint32Array(this.bytes.buffer);
  readonly u64 = new BigUint64Array(this.bytes.buffer);

  copyFrom(other: State): void {
    this.u32.set(other.u32);
  }
}
