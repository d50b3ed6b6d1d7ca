/** Test support: x87 instructions on a bench. */
import { FPU_TRAP, STATE } from '../state.ts';
import { Bench, type CaughtEvent } from '../testing/bench.ts';

const PAGE = 0x1000;
const CODE = 0x10_0000;
/** Linear address of a page for memory operands; RDI points to it. */
export const DATA = 0x20_0000;
const RDI = 7;

/** An 80-bit number: sign and exponent word, significand with its integer bit. */
export interface Extended {
  readonly top: number;
  readonly significand: bigint;
}

export const EXPONENT_BIAS = 16383;

export const ZERO: Extended = { top: 0, significand: 0n };
export const INDEFINITE: Extended = { top: 0xffff, significand: 3n << 62n };

export class FpuBench {
  readonly bench = new Bench();
  readonly regs = this.bench.regs;
  /** The data page. */
  readonly data: DataView;
  private readonly code: number;

  constructor() {
    this.code = this.bench.map(CODE);
    const { buffer, byteOffset } = this.bench.ram;
    this.data = new DataView(buffer, byteOffset + this.bench.map(DATA), PAGE);
  }

  /** Executes one instruction, of bytes in hexadecimal. @returns the exception it raised, if any */
  run(hex: string): CaughtEvent | undefined {
    const bytes = hex.split(' ').map((byte) => Number.parseInt(byte, 16));
    this.bench.ram.set(bytes, this.code);
    this.bench.changed(this.code, 16);
    this.regs.rip = CODE;
    this.regs.setGprNumber(RDI, DATA);
    return this.bench.step();
  }

  /** State as after FNINIT, then with a control word and a stack of these registers. */
  load(fcw: number, ...stack: Extended[]): void {
    this.run('DB E3');
    this.fcw = fcw;
    const top = (8 - stack.length) & 7;
    this.regs.i32[STATE.FTOP >> 2] = top;
    this.regs.i32[STATE.FTAG >> 2] = stack.length === 0 ? 0 : (0xff << (8 - stack.length)) & 0xff;
    for (const [i, value] of stack.entries()) {
      const at = STATE.X87 + 16 * ((top + i) & 7);
      this.regs.u64[at >> 3] = value.significand;
      this.regs.u16[(at + 8) >> 1] = value.top;
    }
  }

  st(index: number): Extended {
    const at = STATE.X87 + 16 * ((this.top + index) & 7);
    return { top: this.regs.u16[(at + 8) >> 1], significand: this.regs.u64[at >> 3] };
  }

  get fcw(): number {
    return this.regs.u16[STATE.FCW >> 1];
  }

  set fcw(value: number) {
    this.regs.u16[STATE.FCW >> 1] = value;
  }

  /** Status word without TOP. */
  get fsw(): number {
    return this.regs.u16[STATE.FSW >> 1];
  }

  get top(): number {
    return this.regs.i32[STATE.FTOP >> 2];
  }

  /** Bit n: physical register n is in use. */
  get tags(): number {
    return this.regs.i32[STATE.FTAG >> 2];
  }

  get pending(): boolean {
    return (this.regs.u32[STATE.FPU_TRAP >> 2] & FPU_TRAP.PENDING) !== 0;
  }
}
