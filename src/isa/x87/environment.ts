/**
 * FLDENV, FNSTENV, FRSTOR, FNSAVE. SDM volume 1, "x87 State in Memory", four formats:
 *
 *   offset, 32-bit  16-bit     protected mode                    real-address and virtual-8086 mode
 *        0            0        control word                      the same
 *        4            2        status word                       the same
 *        8            4        tag word                          the same
 *       12            6        instruction offset                linear instruction address 15:0
 *       16            8        selector, opcode in 26:16         opcode in 10:0, address 31:16 in 27:12 (19:16 in 15:12)
 *       20           10        operand offset                    linear operand address 15:0
 *       24           12        selector                          address 31:16 in 27:12 (19:16 in 15:12)
 *
 * FNSAVE stores ST(0) to ST(7) behind that, 10 bytes each. In the 32-bit formats the upper halves of
 * words are stored as ones.
 */
import { CR0, FLAG } from '../../arch/registers.ts';
import { type I32, i32, i64, select } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { UNPACK_EXTENDED } from '../float/unpack.ts';
import { has, KIND, SLOT } from '../float/workspace.ts';
import { STATE } from '../state.ts';
import { initialize, setControlWord, wholeStatus } from './control.ts';
import { perform, readRaw, writeContents } from './stack.ts';
import { controlWord, FCW, FSW, setStatusWord } from './status.ts';

/** An image before it goes to memory, or when it comes from there: at most 108 bytes. */
const IMAGE = STATE.FX_IMAGE;
const REGISTER_BYTES = 10;

/** One of the two operand sizes. */
interface Format {
  readonly name: string;
  /** Bytes of a field, and of the environment. */
  readonly step: 2 | 4;
  readonly environment: number;
}

const FORMAT_16: Format = { name: '16', step: 2, environment: 14 };
const FORMAT_32: Format = { name: '32', step: 4, environment: 28 };
const formatOf = (c: Context): Format => (c.size === 16 ? FORMAT_16 : FORMAT_32);

/** Numbers of the fields. */
const FIELD = { CONTROL: 0, STATUS: 1, TAGS: 2, IP: 3, IP_SELECTOR: 4, DP: 5, DP_SELECTOR: 6 } as const;

/** Pointers are linear addresses: real-address or virtual-8086 mode. */
const isReal = (state: I32): I32 =>
  i32.or(i32.eqz(has(i32.load(state, STATE.CR0), CR0.PE)), has(i32.load(state, STATE.FLAG_SYSTEM), FLAG.VM));

/** Tags of the tag word: two bits for each physical register. */
const TAG = { VALID: 0, ZERO: 1, SPECIAL: 2, EMPTY: 3 } as const;

/** () -> tag word, from the contents of the registers that are not empty. */
const TAG_WORD: LibraryFunction<'i32'> = {
  name: 'tagWord',
  params: [],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const word = f.let(i32.const(0));
    for (let n = 7; n >= 0; n--) {
      const at = STATE.X87 + 16 * n;
      const tag = f.let(i32.const(TAG.EMPTY));
      f.if(i32.and(i32.load(state, STATE.FTAG), i32.const(1 << n)), () => {
        const [significand, top] = [i64.load(state, at), i32.load16_u(state, at + 8)];
        const kind = f.let(use.library(UNPACK_EXTENDED, i32.const(SLOT.A), significand, top));
        const number = select(
          i32.eq(kind, i32.const(KIND.FINITE)),
          i32.const(TAG.VALID),
          i32.const(TAG.SPECIAL),
        );
        f.set(tag, select(has(kind, KIND.ZERO), i32.const(TAG.ZERO), number));
      });
      f.set(word, i32.or(i32.shl(word, i32.const(2)), tag));
    }
    f.return(word);
    f.unreachable();
  },
};

const linear = (state: I32, selector: number, offset: number): I32 =>
  i32.add(i32.shl(i32.load16_u(state, selector), i32.const(4)), i32.load(state, offset));

/** Puts the environment into IMAGE. */
const composer = ({ name, step, environment }: Format): LibraryFunction<'i32'> => ({
  name: `composeEnvironment${name}`,
  params: [],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const put = (field: number, value: I32): void =>
      f.store(step === 2 ? 'i32_16' : 'i32', state, value, IMAGE + field * step);
    const filled = (value: I32): I32 => i32.or(value, i32.const(0xffff0000));
    const opcode = i32.load16_u(state, STATE.FOP);
    put(FIELD.CONTROL, filled(controlWord(state)));
    put(FIELD.STATUS, filled(wholeStatus(state)));
    put(FIELD.TAGS, filled(use.library(TAG_WORD)));
    f.if(
      isReal(state),
      () => {
        const [ip, dp] = [
          f.let(linear(state, STATE.FCS, STATE.FIP)),
          f.let(linear(state, STATE.FDS, STATE.FDP)),
        ];
        const upper = (address: I32): I32 => i32.shl(i32.shr_u(address, i32.const(16)), i32.const(12));
        put(FIELD.IP, filled(ip));
        put(FIELD.IP_SELECTOR, i32.or(upper(ip), opcode));
        put(FIELD.DP, filled(dp));
        put(FIELD.DP_SELECTOR, upper(dp));
      },
      () => {
        put(FIELD.IP, i32.load(state, STATE.FIP));
        put(FIELD.IP_SELECTOR, i32.or(i32.load16_u(state, STATE.FCS), i32.shl(opcode, i32.const(16))));
        put(FIELD.DP, i32.load(state, STATE.FDP));
        put(FIELD.DP_SELECTOR, filled(i32.load16_u(state, STATE.FDS)));
      },
    );
    for (let i = 0; i < 8; i++) {
      const { significand, top } = readRaw(f, state, i32.const(i));
      const at = IMAGE + environment + REGISTER_BYTES * i;
      f.store('i64', state, significand, at);
      f.store('i32_16', state, top, at + 8);
    }
    f.return(i32.const(0));
    f.unreachable();
  },
});

/** Takes tags, pointers and the status word without its summary from IMAGE; the control word is the caller's. */
const decomposer = ({ name, step }: Format): LibraryFunction<'i32'> => ({
  name: `decomposeEnvironment${name}`,
  params: [],
  result: 'i32',
  build: (f) => {
    const state = f.param(0, 'i32');
    const get16 = (field: number): I32 => i32.load16_u(state, IMAGE + field * step);
    const get = (field: number): I32 => (step === 2 ? get16(field) : i32.load(state, IMAGE + field * step));
    const status = f.let(get16(FIELD.STATUS));
    const top = i32.and(i32.shr_u(status, i32.const(FSW.TOP_SHIFT)), i32.const(7));
    f.store('i32', state, top, STATE.FTOP);
    setStatusWord(f, state, i32.and(status, i32.const(0xffff & ~(7 << FSW.TOP_SHIFT))));
    const tags = f.let(get16(FIELD.TAGS));
    const present = f.let(i32.const(0));
    for (let n = 0; n < 8; n++) {
      const empty = i32.const(TAG.EMPTY << (2 * n));
      const used = i32.ne(i32.and(tags, empty), empty);
      f.set(present, i32.or(present, i32.shl(used, i32.const(n))));
    }
    f.store('i32', state, present, STATE.FTAG);
    takePointers(f, state, step, get);
    f.return(i32.const(0));
    f.unreachable();
  },
});

function takePointers(f: FunctionBuilder, state: I32, step: 2 | 4, get: (field: number) => I32): void {
  const set = (pointer: number, selector: number, offset: I32, segment: I32): void => {
    f.store('i64', state, i64.extend_i32_u(offset), pointer);
    f.store('i32_16', state, segment, selector);
  };
  const opcode = (value: I32): void => f.store('i32_16', state, i32.and(value, i32.const(0x7ff)), STATE.FOP);
  /** Bits 27:12 (or 15:12) are address bits 31:16. */
  const joined = (low: number, high: number): I32 =>
    i32.or(
      i32.and(get(low), i32.const(0xffff)),
      i32.shl(i32.and(get(high), i32.const(0x0ffff000)), i32.const(4)),
    );
  const none = i32.const(0);
  f.if(
    isReal(state),
    () => {
      set(STATE.FIP, STATE.FCS, joined(FIELD.IP, FIELD.IP_SELECTOR), none);
      set(STATE.FDP, STATE.FDS, joined(FIELD.DP, FIELD.DP_SELECTOR), none);
      opcode(get(FIELD.IP_SELECTOR));
    },
    () => {
      set(STATE.FIP, STATE.FCS, get(FIELD.IP), get(FIELD.IP_SELECTOR));
      set(STATE.FDP, STATE.FDS, get(FIELD.DP), get(FIELD.DP_SELECTOR));
      // The 16-bit format of protected mode has no opcode.
      if (step === 4) opcode(i32.shr_u(get(FIELD.IP_SELECTOR), i32.const(16)));
    },
  );
}

const functionsOf = (format: Format) => ({ compose: composer(format), decompose: decomposer(format) });
const LIBRARY = { 2: functionsOf(FORMAT_16), 4: functionsOf(FORMAT_32) };

/** Bytes between the image and memory, in pieces of 8, 4 and 2. */
function* pieces(bytes: number): Iterable<{
  at: number;
  load: 'load' | 'load32_u' | 'load16_u';
  store: 'i64' | 'i64_32' | 'i64_16';
  size: number;
}> {
  for (let at = 0; at < bytes; ) {
    const size = bytes - at >= 8 ? 8 : bytes - at >= 4 ? 4 : 2;
    const load = size === 8 ? 'load' : size === 4 ? 'load32_u' : 'load16_u';
    yield { at, load, store: size === 8 ? 'i64' : size === 4 ? 'i64_32' : 'i64_16', size };
    at += size;
  }
}

/** Bytes in memory: without or with the registers. */
const sizeOf = ({ environment }: Format, registers: boolean): number =>
  environment + (registers ? 8 * REGISTER_BYTES : 0);

/** Both ends are tried first: nothing is read or written unless all of it can be. */
function readImage(c: Context, format: Format, bytes: number): void {
  c.hostRead(format.step, i64.const(0));
  c.hostRead(1, i64.const(bytes - 1));
  for (const { at, load, store, size } of pieces(bytes)) {
    const host = c.hostRead(size, i64.const(at));
    c.f.store(store, c.field(0), i64[load](host), IMAGE + at);
  }
}

function writeImage(c: Context, format: Format, bytes: number): void {
  c.hostWrite(format.step, i64.const(0));
  c.hostWrite(1, i64.const(bytes - 1));
  for (const { at, load, store, size } of pieces(bytes)) {
    const host = c.hostWrite(size, i64.const(at));
    c.f.store(store, host, i64[load](c.field(0), IMAGE + at));
    c.commit(host);
  }
}

const store =
  (registers: boolean): Semantics =>
  (c) => {
    const format = formatOf(c);
    perform(c, c.library(LIBRARY[format.step].compose));
    writeImage(c, format, sizeOf(format, registers));
    if (registers) initialize(c);
    else setControlWord(c, i32.or(controlWord(c.field(0)), i32.const(FCW.MASKS)));
  };

const restore =
  (registers: boolean): Semantics =>
  (c) => {
    const { f } = c;
    const state = c.field(0);
    const format = formatOf(c);
    readImage(c, format, sizeOf(format, registers));
    perform(c, c.library(LIBRARY[format.step].decompose));
    setControlWord(c, f.let(i32.load16_u(state, IMAGE)));
    if (!registers) return;
    for (let i = 0; i < 8; i++) {
      const at = IMAGE + format.environment + REGISTER_BYTES * i;
      const value = { significand: i64.load(state, at), top: i32.load16_u(state, at + 8) };
      writeContents(f, state, i32.const(i), value);
    }
  };

const row = (mnemonic: string, encoding: string, attributes: string, semantics: Semantics): Instruction => ({
  mnemonic,
  encoding,
  operands: 'M',
  attributes,
  feature: 'fpu',
  semantics,
});

export const environments: readonly Instruction[] = [
  row('FLDENV', 'D9 /4', 'fpu v', restore(false)),
  row('FNSTENV', 'D9 /6', 'fpu-nowait v', store(false)),
  row('FRSTOR', 'DD /4', 'fpu v', restore(true)),
  row('FNSAVE', 'DD /6', 'fpu-nowait v', store(true)),
];
