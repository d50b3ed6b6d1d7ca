/**
 * LDMXCSR, STMXCSR, FXSAVE and FXRSTOR. Layout of the 512-byte image: SDM volume 1, "Operation of
 * FXSAVE", in this file for the formats of 64-bit mode (with and without REX.W) and of the others:
 *
 *   0 FCW  2 FSW  4 tags (1 bit each)  6 FOP  8 FIP  (12 FCS)  16 FDP  (20 FDS)  24 MXCSR  28 MXCSR_MASK
 *   32 ST0-ST7 or MM0-MM7, 16 bytes each    160 XMM0-XMM15 (XMM7 outside 64-bit mode)
 *
 * With REX.W, FIP and FDP have 64 bits and no selectors. The image is put together in the CPU block and
 * then moved in aligned 16-byte parts, after all of them were found accessible: nothing faults half way.
 */
import { VECTOR } from '../../arch/registers.ts';
import { type I32, i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder, Local } from '../../wasm/function.ts';
import { v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import { FCW, FSW, SUMMARIZE, setStatusWord } from '../x87/status.ts';
import { MXCSR } from './mxcsr.ts';

const IMAGE = {
  FCW: 0,
  FSW: 2,
  TAGS: 4,
  FOP: 6,
  FIP: 8,
  FCS: 12,
  FDP: 16,
  FDS: 20,
  MXCSR: 24,
  MXCSR_MASK: 28,
  REGISTERS: 32,
  XMM: 160,
  /** Bytes that FXSAVE writes with 16 and with 8 XMM registers. */
  END_LONG: 416,
  END_LEGACY: 288,
  SIZE: 512,
} as const;

const at = (field: number): number => STATE.FX_IMAGE + field;

/** 16 in 64-bit mode, where addresses are not cut to 32 bits, else 8. */
const xmmBytes = (state: I32): I32 =>
  i32.shl(i32.const(128), i64.eq(i64.load(state, STATE.ADDRESS_MASK), i64.const(-1)));

/** for (offset = from; offset < end; offset += 16) */
function eachPart(f: FunctionBuilder, from: number, end: I32, body: (offset: Local<'i32'>) => void): void {
  const offset = f.let(i32.const(from));
  f.loop((next) => {
    body(offset);
    f.set(offset, i32.add(offset, i32.const(16)));
    f.brIf(next, i32.lt_u(offset, end));
  });
}

/** Address of the physical register that ST(i) is, for `offset` = 16 i. */
const stackRegister = (state: I32, offset: I32): I32 => {
  const number = i32.add(i32.load(state, STATE.FTOP), i32.shr_u(offset, i32.const(4)));
  return i32.add(state, i32.shl(i32.and(number, i32.const(7)), i32.const(4)));
};

const copyXmm = (f: FunctionBuilder, state: I32, from: number, to: number): void =>
  eachPart(f, 0, f.let(xmmBytes(state)), (offset) => {
    const address = i32.add(state, offset);
    f.store('v128', address, v128.load(address, from), to);
  });

/** (64-bit pointers) -> 0. Puts the image together. */
const COMPOSE: LibraryFunction<'i32'> = {
  name: 'composeFxImage',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const [state, long] = [f.param(0, 'i32'), f.param(1, 'i32')];
    const copy16 = (from: number, to: number) => f.store('i32_16', state, i32.load16_u(state, from), at(to));
    copy16(STATE.FCW, IMAGE.FCW);
    const top = i32.shl(i32.load(state, STATE.FTOP), i32.const(FSW.TOP_SHIFT));
    f.store('i32_16', state, i32.or(i32.load16_u(state, STATE.FSW), top), at(IMAGE.FSW));
    f.store('i32_16', state, i32.load8_u(state, STATE.FTAG), at(IMAGE.TAGS));
    copy16(STATE.FOP, IMAGE.FOP);
    f.store('i64', state, i64.load(state, STATE.FIP), at(IMAGE.FIP));
    f.store('i64', state, i64.load(state, STATE.FDP), at(IMAGE.FDP));
    f.if(i32.eqz(long), () => {
      f.store('i32', state, i32.load16_u(state, STATE.FCS), at(IMAGE.FCS));
      f.store('i32', state, i32.load16_u(state, STATE.FDS), at(IMAGE.FDS));
    });
    f.store('i32', state, i32.load(state, STATE.MXCSR), at(IMAGE.MXCSR));
    f.store('i32', state, i32.const(MXCSR.DEFINED), at(IMAGE.MXCSR_MASK));
    eachPart(f, 0, i32.const(128), (offset) => {
      const register = f.let(stackRegister(state, offset));
      const to = f.let(i32.add(state, offset));
      f.store('i64', to, i64.load(register, STATE.X87), at(IMAGE.REGISTERS));
      f.store('i64', to, i64.load16_u(register, STATE.X87 + 8), at(IMAGE.REGISTERS) + 8);
    });
    copyXmm(f, state, STATE.XMM, at(IMAGE.XMM));
    f.return(i32.const(0));
    f.unreachable();
  },
};

/** (64-bit pointers) -> 0. Takes the state from the image. */
const DECOMPOSE: LibraryFunction<'i32'> = {
  name: 'decomposeFxImage',
  params: ['i32'],
  result: 'i32',
  build: (f, use) => {
    const [state, long] = [f.param(0, 'i32'), f.param(1, 'i32')];
    const load16 = (field: number) => i32.load16_u(state, at(field));
    const fcw = i32.or(i32.and(load16(IMAGE.FCW), i32.const(FCW.DEFINED)), i32.const(FCW.ALWAYS));
    f.store('i32_16', state, fcw, STATE.FCW);
    const fsw = f.let(load16(IMAGE.FSW));
    f.store('i32', state, i32.and(i32.shr_u(fsw, i32.const(FSW.TOP_SHIFT)), i32.const(7)), STATE.FTOP);
    setStatusWord(f, state, i32.and(fsw, i32.const(0xffff & ~(7 << FSW.TOP_SHIFT))));
    f.let(use.library(SUMMARIZE));
    f.store('i32', state, i32.load8_u(state, at(IMAGE.TAGS)), STATE.FTAG);
    f.store('i32_16', state, i32.and(load16(IMAGE.FOP), i32.const(0x7ff)), STATE.FOP);
    f.if(
      long,
      () => {
        f.store('i64', state, i64.load(state, at(IMAGE.FIP)), STATE.FIP);
        f.store('i64', state, i64.load(state, at(IMAGE.FDP)), STATE.FDP);
        f.store('i32_16', state, i32.const(0), STATE.FCS);
        f.store('i32_16', state, i32.const(0), STATE.FDS);
      },
      () => {
        f.store('i64', state, i64.load32_u(state, at(IMAGE.FIP)), STATE.FIP);
        f.store('i64', state, i64.load32_u(state, at(IMAGE.FDP)), STATE.FDP);
        f.store('i32_16', state, load16(IMAGE.FCS), STATE.FCS);
        f.store('i32_16', state, load16(IMAGE.FDS), STATE.FDS);
      },
    );
    f.store('i32', state, i32.load(state, at(IMAGE.MXCSR)), STATE.MXCSR);
    eachPart(f, 0, i32.const(128), (offset) => {
      const register = f.let(stackRegister(state, offset));
      const from = f.let(i32.add(state, offset));
      f.store('i64', register, i64.load(from, at(IMAGE.REGISTERS)), STATE.X87);
      f.store('i32_16', register, i32.load16_u(from, at(IMAGE.REGISTERS) + 8), STATE.X87 + 8);
    });
    copyXmm(f, state, at(IMAGE.XMM), STATE.XMM);
    f.return(i32.const(0));
    f.unreachable();
  },
};

const offset64 = (offset: I32) => i64.extend_i32_u(offset);
const longPointers = (c: Context): I32 => i32.const(c.size === 64 ? 1 : 0);
const xmmEnd = (c: Context): Local<'i32'> => c.f.let(i32.add(xmmBytes(c.field(0)), i32.const(IMAGE.XMM)));

/** #GP(0) unless the image is 16-byte aligned, whatever its segment's base (at least 16-byte aligned in practice). */
function checkAlignment(c: Context): void {
  const address = c.effectiveAddress();
  c.f.if(i32.and(i32.wrap_i64(address), i32.const(15)), () => c.raise(VECTOR.GP, 0));
}

const save: Semantics = (c) => {
  const { f } = c;
  checkAlignment(c);
  const end = xmmEnd(c);
  eachPart(f, 0, end, (offset) => void c.hostWrite(16, offset64(offset)));
  f.let(c.library(COMPOSE, longPointers(c)));
  eachPart(f, 0, end, (offset) => {
    const host = f.let(c.hostWrite(16, offset64(offset)));
    f.store('v128', host, v128.load(i32.add(c.field(0), offset), STATE.FX_IMAGE));
    c.commit(host);
  });
};

const restore: Semantics = (c) => {
  const { f } = c;
  checkAlignment(c);
  const end = xmmEnd(c);
  eachPart(f, 0, end, (offset) => {
    const host = c.hostRead(16, offset64(offset));
    f.store('v128', i32.add(c.field(0), offset), v128.load(host), STATE.FX_IMAGE);
  });
  const mxcsr = i32.load(c.field(at(IMAGE.MXCSR)));
  f.if(i32.and(mxcsr, i32.const(~MXCSR.DEFINED)), () => c.raise(VECTOR.GP, 0));
  f.let(c.library(DECOMPOSE, longPointers(c)));
};

const loadMxcsr: Semantics = (c) => {
  const value = c.f.let(i32.wrap_i64(c.read(0)));
  c.f.if(i32.and(value, i32.const(~MXCSR.DEFINED)), () => c.raise(VECTOR.GP, 0));
  c.f.store('i32', c.field(STATE.MXCSR), value);
};

const storeMxcsr: Semantics = (c) => c.write(0, i64.load32_u(c.field(STATE.MXCSR)));

export const stateInstructions: readonly Instruction[] = [
  {
    mnemonic: 'FXSAVE',
    encoding: 'NP 0F AE /0',
    operands: 'M',
    attributes: 'fxsr v spilled',
    feature: 'fxsr',
    semantics: save,
  },
  {
    mnemonic: 'FXRSTOR',
    encoding: 'NP 0F AE /1',
    operands: 'M',
    attributes: 'fxsr v spilled',
    feature: 'fxsr',
    semantics: restore,
  },
  {
    mnemonic: 'LDMXCSR',
    encoding: 'NP 0F AE /2',
    operands: 'Md',
    attributes: 'sse',
    feature: 'sse',
    semantics: loadMxcsr,
  },
  {
    mnemonic: 'STMXCSR',
    encoding: 'NP 0F AE /3',
    operands: 'Md',
    attributes: 'sse write',
    feature: 'sse',
    semantics: storeMxcsr,
  },
];
