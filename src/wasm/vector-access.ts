/** Loads and stores of vectors that are narrower in memory than 128 bits (upper lanes zero). */
import { binary, type I32, i32, load, opcode, type V128 } from './expression.ts';
import type { FunctionBuilder } from './function.ts';

const load128 = load('v128', 0xfd0000);
const load32Zero = load('v128', 0xfd005c);
const load64Zero = load('v128', 0xfd005d);

/** v128.storeN_lane, lane 0. */
function storeLane(f: FunctionBuilder, op: number, address: I32, value: V128): void {
  address.emit(f.code);
  value.emit(f.code);
  opcode(f.code, op);
  f.code.u32(0);
  f.code.u32(0);
  f.code.byte(0);
}

const LANE_STORE: Record<number, number> = { 8: 0xfd0058, 16: 0xfd0059, 32: 0xfd005a, 64: 0xfd005b };

export const v128Bits = {
  /** @param width in bits: 8, 16, 32, 64 or 128; 0 reads 128. */
  load: (address: I32, width: number): V128 => {
    switch (width) {
      case 8:
      case 16:
        return and(lowMask(width), splat32(width === 8 ? i32.load8_u(address) : i32.load16_u(address)));
      case 32:
        return load32Zero(address);
      case 64:
        return load64Zero(address);
      default:
        return load128(address);
    }
  },
  store: (f: FunctionBuilder, address: I32, value: V128, width: number): void => {
    const lane = LANE_STORE[width];
    if (lane === undefined) f.store('v128', address, value);
    else storeLane(f, lane, address, value);
  },
};

const and = binary<'v128', 'v128'>('v128', 0xfd004e);

/** i32x4.splat; masked afterwards so that only the low lane stays. */
const splat32 = (a: I32): V128 => ({
  type: 'v128',
  emit: (code) => {
    a.emit(code);
    opcode(code, 0xfd0011);
  },
});

const lowMask = (width: number): V128 => ({
  type: 'v128',
  emit: (code) => {
    opcode(code, 0xfd000c);
    for (let i = 0; i < 16; i++) code.byte(i < width / 8 ? 0xff : 0);
  },
});
