import { FPU_TRAP } from '../../cpu/state.ts';
import { MXCSR } from '../../isa/sse/mxcsr.ts';
import { FCW, FSW } from '../../isa/x87/status.ts';
import { Refusal } from '../refusal.ts';
import { FLOAT_CONTROL } from '../views/extended-state.ts';
import { fits } from './fits.ts';

/** The x87 and SSE registers of a vCPU, wherever they are: what is written here is in them. Bytes as in `FloatState`. */
export interface FloatRegisters {
  readonly xmm: Uint8Array;
  readonly x87: Uint8Array;
  /** From FCW on, laid out as FLOAT_CONTROL says. */
  readonly control: Uint8Array;
  /** One byte: whether an unmasked x87 exception is pending, a bit of FPU_TRAP. */
  readonly trap: Uint8Array;
}

/**
 * `xmm0` to `xmm15`; `st0` to `st7` with sign and exponent above the significand, which are not made valid or
 * empty by it; `fcw`, `fsw` with TOP in it, `mxcsr`. Throws a `Refusal` for what does not fit.
 * @returns whether it is one of them
 */
export function editFloat(name: string, value: bigint, float: FloatRegisters): boolean {
  const { xmm, x87, control } = float;
  const number = Number(/^(?:xmm|st)(\d|1[0-5])$/.exec(name)?.[1] ?? -1);
  if (name.startsWith('xmm') && number >= 0) writeBytes(xmm, 16 * number, name, value, 128);
  else if (number >= 0 && number < 8) writeBytes(x87, 16 * ((topOf(float) + number) & 7), name, value, 80);
  else if (name === 'fcw') {
    fits(name, value, 16);
    words(control).setUint16(FLOAT_CONTROL.FCW, (Number(value) & FCW.DEFINED) | FCW.ALWAYS, true);
    summarize(float);
  } else if (name === 'fsw') {
    fits(name, value, 16);
    const view = words(control);
    view.setUint16(FLOAT_CONTROL.FSW, Number(value) & ~(7 << FSW.TOP_SHIFT), true);
    view.setInt32(FLOAT_CONTROL.TOP, (Number(value) >> FSW.TOP_SHIFT) & 7, true);
    summarize(float);
  } else if (name === 'mxcsr') {
    fits(name, value, 32);
    if ((Number(value) & ~MXCSR.DEFINED) !== 0)
      throw new Refusal(
        'MXCSR does not take this value: LDMXCSR of it raises #GP(0).',
        name,
        'Leave bits 31:16 clear.',
      );
    words(control).setUint32(FLOAT_CONTROL.MXCSR, Number(value), true);
  } else return false;
  return true;
}

const words = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

const topOf = ({ control }: FloatRegisters): number => words(control).getInt32(FLOAT_CONTROL.TOP, true);

/** ES and B, and the pending #MF, follow from the flags and masks, as `SUMMARIZE` (isa/x87/status.ts) has it. */
function summarize({ control, trap }: FloatRegisters): void {
  const view = words(control);
  const fsw = view.getUint16(FLOAT_CONTROL.FSW, true);
  const pending = (fsw & ~view.getUint16(FLOAT_CONTROL.FCW, true) & FSW.EXCEPTIONS) !== 0;
  view.setUint16(FLOAT_CONTROL.FSW, pending ? fsw | FSW.SUMMARY : fsw & ~FSW.SUMMARY, true);
  trap[0] = (trap[0] & ~FPU_TRAP.PENDING) | (pending ? FPU_TRAP.PENDING : 0);
}

function writeBytes(to: Uint8Array, at: number, name: string, value: bigint, bits: number): void {
  fits(name, value, bits);
  for (let i = 0; i < bits / 8; i++) to[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}
