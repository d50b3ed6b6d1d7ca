import type { RegisterView } from '../../protocol/processor-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import type { VectorsView, X87Register } from '../../protocol/vectors-view.ts';
import { type FieldFormat, fieldsOf } from './bit-fields.ts';
import { decimalOf } from './extended-real.ts';
import type { FloatState } from './extended-state.ts';
import { FCW_FORMAT, FSW_FORMAT, MXCSR_FORMAT } from './float-formats.ts';

const TOP_SHIFT = 11;

/** x87, MMX and SSE registers of one vCPU. */
export function vectorsView(of: VcpuRef, float: FloatState, long: boolean): VectorsView {
  const { xmm, fcw, fsw, top, mxcsr } = float;
  const word = (
    name: string,
    value: number,
    bits: 16 | 32,
    formats: readonly FieldFormat[],
  ): RegisterView => ({
    name,
    value: BigInt(value),
    bits,
    changed: false,
    fields: fieldsOf(BigInt(value), formats),
  });
  return {
    of,
    control: word('fcw', fcw, 16, FCW_FORMAT),
    status: word('fsw', fsw | (top << TOP_SHIFT), 16, FSW_FORMAT),
    stack: Array.from({ length: 8 }, (_, n) => x87Register(float, n)),
    mxcsr: word('mxcsr', mxcsr, 32, MXCSR_FORMAT),
    xmm: Array.from({ length: long ? 16 : 8 }, (_, n) => ({
      name: `xmm${n}`,
      bytes: xmm.slice(16 * n, 16 * n + 16),
      changed: false,
    })),
  };
}

function x87Register({ x87, top, tags }: FloatState, n: number): X87Register {
  const physical = (top + n) & 7;
  const view = new DataView(x87.buffer, x87.byteOffset + 16 * physical, 16);
  const raw = (BigInt(view.getUint16(8, true)) << 64n) | view.getBigUint64(0, true);
  return {
    name: `st${n}`,
    physical,
    empty: (tags & (1 << physical)) === 0,
    raw,
    decimal: decimalOf(raw),
    changed: false,
  };
}
