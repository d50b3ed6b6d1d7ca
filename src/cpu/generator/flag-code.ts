/** The lazy status flags (isa/flags.ts) of a CPU block: shared functions that derive them, and code that writes them. */
import { FLAG } from '../../arch/registers.ts';
import type { FlagWriter, LibraryFunction, LibraryUser, Size } from '../../isa/definition.ts';
import {
  emitAuxiliary,
  emitCarry,
  emitOverflow,
  type FlagState,
  flagKind,
  parityFlag,
  signFlag,
  zeroFlag,
} from '../../isa/flags.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { STATE } from '../state.ts';

const flagState = (state: I32): FlagState => ({
  kind: i32.load(state, STATE.FLAG_KIND),
  a: i64.load(state, STATE.FLAG_A),
  result: i64.load(state, STATE.FLAG_RESULT),
});

const derived = (name: string, emit: (f: FunctionBuilder, s: FlagState) => void): LibraryFunction<'i32'> => ({
  name,
  params: [],
  result: 'i32',
  build: (f) => emit(f, flagState(f.param(0, 'i32'))),
});

export const CARRY = derived('carry', emitCarry);
export const OVERFLOW = derived('overflow', emitOverflow);
const AUXILIARY = derived('auxiliary', emitAuxiliary);

/** (state) -> RFLAGS */
export const RFLAGS: LibraryFunction<'i32'> = {
  name: 'rflags',
  params: [],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const s = flagState(state);
    const at = (flag: I32, mask: number): I32 => i32.shl(flag, i32.const(31 - Math.clz32(mask)));
    const parts = [
      use.library(CARRY),
      at(parityFlag(s), FLAG.PF),
      at(use.library(AUXILIARY), FLAG.AF),
      at(zeroFlag(s), FLAG.ZF),
      at(signFlag(s), FLAG.SF),
      at(use.library(OVERFLOW), FLAG.OF),
      i32.load(state, STATE.FLAG_SYSTEM),
    ];
    f.return(parts.reduce((a, b) => i32.or(a, b)));
    f.unreachable();
  },
};

/** Value (0 or 1) of a condition code. SDM volume 1, "Condition Codes". */
export function conditionCode(cc: number, state: I32, use: LibraryUser): I32 {
  const s = flagState(state);
  const positive = (): I32 => {
    switch (cc >> 1) {
      case 0:
        return use.library(OVERFLOW);
      case 1:
        return use.library(CARRY);
      case 2:
        return zeroFlag(s);
      case 3:
        return i32.or(use.library(CARRY), zeroFlag(s));
      case 4:
        return signFlag(s);
      case 5:
        return parityFlag(s);
      case 6:
        return i32.xor(signFlag(s), use.library(OVERFLOW));
      default:
        return i32.or(zeroFlag(s), i32.xor(signFlag(s), use.library(OVERFLOW)));
    }
  };
  return (cc & 1) === 0 ? positive() : i32.eqz(positive());
}

/** Stores kind, operand and result for results of `size` bits. */
export function flagWriter(f: FunctionBuilder, state: I32, size: Size, use: LibraryUser): FlagWriter {
  const store = (kind: I32, a: I64 | undefined, result: I64 | undefined) => {
    f.store('i32', state, kind, STATE.FLAG_KIND);
    if (a) f.store('i64', state, a, STATE.FLAG_A);
    if (result) f.store('i64', state, result, STATE.FLAG_RESULT);
  };
  const kind = (name: Parameters<typeof flagKind>[0]): I32 => i32.const(flagKind(name, size));
  const withCarry = (name: 'ADD' | 'SUB', carry: I32): I32 =>
    i32.add(kind(name), i32.shl(carry, i32.const(2)));
  const kept = (): Local<'i64'> => f.let(i64.extend_i32_u(use.library(CARRY)));
  return {
    add: (a, result) => store(kind('ADD'), a, result),
    adc: (a, result, carry) => store(withCarry('ADD', carry), a, result),
    sub: (a, result) => store(kind('SUB'), a, result),
    sbb: (a, result, borrow) => store(withCarry('SUB', borrow), a, result),
    logic: (result) => store(kind('LOGIC'), undefined, result),
    inc: (result) => store(kind('INC'), kept(), result),
    dec: (result) => store(kind('DEC'), kept(), result),
    bits: (result, bits) => store(kind('BITS'), i64.extend_i32_u(bits), result),
    raw: (bits) => store(i32.const(0), i64.extend_i32_u(bits), undefined),
  };
}
