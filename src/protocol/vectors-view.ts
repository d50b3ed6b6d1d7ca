import type { RegisterView } from './processor-view.ts';
import type { VcpuRef } from './target.ts';

/** One x87 register, from the top of the stack. */
export interface X87Register {
  /** `st0` .. `st7`. */
  readonly name: string;
  /** R0 .. R7, which is MM0 .. MM7 too. */
  readonly physical: number;
  readonly empty: boolean;
  /** Sign, exponent and significand: 80 bits. */
  readonly raw: bigint;
  /** The value in decimal, or what it is: `-NaN`, `+infinity`, `unsupported`. */
  readonly decimal: string;
  readonly changed: boolean;
}

export interface XmmRegister {
  readonly name: string;
  /** 16 bytes, the lowest first. */
  readonly bytes: Uint8Array;
  readonly changed: boolean;
}

/** x87, MMX and SSE. MMX registers are the significands of the x87 registers, by physical number. */
export interface VectorsView {
  readonly of: VcpuRef;
  readonly control: RegisterView;
  readonly status: RegisterView;
  readonly stack: readonly X87Register[];
  readonly mxcsr: RegisterView;
  readonly xmm: readonly XmmRegister[];
}
