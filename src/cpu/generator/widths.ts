/** Loads and stores of integers by their width in bits. */
import { type I32, type I64, i64 } from '../../wasm/expression.ts';
import type { STORE } from '../../wasm/function.ts';

export function loadSigned(address: I32, width: number, offset = 0): I64 {
  switch (width) {
    case 8:
      return i64.load8_s(address, offset);
    case 16:
      return i64.load16_s(address, offset);
    case 32:
      return i64.load32_s(address, offset);
    default:
      return i64.load(address, offset);
  }
}

export function loadUnsigned(address: I32, width: number): I64 {
  switch (width) {
    case 8:
      return i64.load8_u(address);
    case 16:
      return i64.load16_u(address);
    case 32:
      return i64.load32_u(address);
    default:
      return i64.load(address);
  }
}

/** Name of the store instruction. */
export function storeOp(width: number): keyof typeof STORE {
  switch (width) {
    case 8:
      return 'i64_8';
    case 16:
      return 'i64_16';
    case 32:
      return 'i64_32';
    default:
      return 'i64';
  }
}
