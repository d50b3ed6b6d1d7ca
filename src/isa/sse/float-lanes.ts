/**
 * The exact path of SSE arithmetic: one lane at a time through the functions of `float/`, on bits in
 * i64 (singles in the low half). Each adds its exception flags to FLAGS; `mxcsr.ts` settles them.
 */
import { type I32, type I64, i32, i64, type V128 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import { i32x4, i64x2 } from '../../wasm/simd.ts';
import type { LibraryFunction, LibraryUser } from '../definition.ts';
import { ADD, DIVIDE, MULTIPLY, SQUARE_ROOT } from '../float/arithmetic.ts';
import { FROM_INTEGER, ROUND_TO_INTEGER, TO_INTEGER } from '../float/integers.ts';
import { PACK_DOUBLE, PACK_SINGLE } from '../float/pack.ts';
import { ROUND } from '../float/round.ts';
import { UNPACK_DOUBLE, UNPACK_SINGLE } from '../float/unpack.ts';
import { EXCEPTION, has, KIND, RANGE, SLOT, slots } from '../float/workspace.ts';
import { addFlags, clearFlags, controlOf, MXCSR, mxcsrOf } from './mxcsr.ts';

export interface LaneFormat {
  readonly name: 'Single' | 'Double';
  readonly lanes: 2 | 4;
  readonly unpack: LibraryFunction<'i32'>;
  readonly pack: LibraryFunction<'i64'>;
  readonly range: { readonly precision: number; readonly maximum: number };
  readonly quietBit: bigint;
  extract(v: V128, lane: number): I64;
  replace(v: V128, lane: number, bits: I64): V128;
}

export const SINGLES: LaneFormat = {
  name: 'Single',
  lanes: 4,
  unpack: UNPACK_SINGLE,
  pack: PACK_SINGLE,
  range: RANGE.SINGLE,
  quietBit: 1n << 22n,
  extract: (v, lane) => i64.extend_i32_u(i32x4.extract_lane(v, lane)),
  replace: (v, lane, bits) => i32x4.replace_lane(v, lane, i32.wrap_i64(bits)),
};

export const DOUBLES: LaneFormat = {
  name: 'Double',
  lanes: 2,
  unpack: UNPACK_DOUBLE,
  pack: PACK_DOUBLE,
  range: RANGE.DOUBLE,
  quietBit: 1n << 51n,
  extract: (v, lane) => i64x2.extract_lane(v, lane),
  replace: (v, lane, bits) => i64x2.replace_lane(v, lane, bits),
};

/** Rounds R to the format and packs it, adding the flags. */
function roundAndPack(f: FunctionBuilder, use: LibraryUser, format: LaneFormat): I64 {
  const state = f.param(0, 'i32');
  const { precision, maximum } = format.range;
  const flags = use.library(ROUND, i32.const(precision), i32.const(maximum), controlOf(state));
  addFlags(f, state, flags);
  return use.library(format.pack);
}

/** DAZ: a denormal operand becomes a zero. Otherwise its flag is the answer, to be added later. */
function denormals(f: FunctionBuilder, kinds: readonly { kind: I32; slot: number }[]): I32 {
  const state = f.param(0, 'i32');
  const { a, b } = slots(f);
  const flag = f.let(i32.const(0));
  const any = kinds.map(({ kind }) => kind).reduce((x, y) => i32.or(x, y));
  f.if(has(any, KIND.DENORMAL), () => {
    f.if(
      has(mxcsrOf(state), MXCSR.DENORMALS_ARE_ZEROS),
      () => {
        for (const { kind, slot } of kinds) {
          const operand = slot === SLOT.A ? a : b;
          f.if(has(kind, KIND.DENORMAL), () => operand.setZero(operand.sign));
        }
      },
      () => f.set(flag, i32.const(EXCEPTION.DENORMAL)),
    );
  });
  return flag;
}

const signaling = (kind: I32): I32 => has(kind, KIND.SIGNALING);

export type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'sqrt';

function compute(operation: Arithmetic, use: LibraryUser, control: I32): I32 {
  switch (operation) {
    case 'add':
      return use.library(ADD, i32.const(0), control);
    case 'sub':
      return use.library(ADD, i32.const(1), control);
    case 'mul':
      return use.library(MULTIPLY);
    case 'div':
      return use.library(DIVIDE);
    case 'sqrt':
      return use.library(SQUARE_ROOT);
  }
}

/**
 * (a, b) -> bits. A NaN among the operands is delivered quiet, the first one if both are: SDM volume 1,
 * "Rules for Handling NaNs". Invalid operations and division by zero go before denormal operands.
 */
function laneArithmetic(format: LaneFormat, operation: Arithmetic): LibraryFunction<'i64'> {
  return {
    name: `${operation}${format.name}`,
    params: ['i64', 'i64'],
    result: 'i64',
    build: (f, use) => {
      const state = f.param(0, 'i32');
      const [a, b] = [f.param(1, 'i64'), f.param(2, 'i64')];
      const ka = f.let(use.library(format.unpack, i32.const(SLOT.A), a));
      const kb = f.let(use.library(format.unpack, i32.const(SLOT.B), b));
      f.if(has(i32.or(ka, kb), KIND.NAN), () => {
        f.if(signaling(i32.or(ka, kb)), () => addFlags(f, state, i32.const(EXCEPTION.INVALID)));
        f.if(has(ka, KIND.NAN), () => f.return(i64.or(a, i64.const(format.quietBit))));
        f.return(i64.or(b, i64.const(format.quietBit)));
      });
      const denormal = denormals(f, [
        { kind: ka, slot: SLOT.A },
        { kind: kb, slot: SLOT.B },
      ]);
      const flags = f.let(compute(operation, use, controlOf(state)));
      f.if(i32.eqz(flags), () => f.set(flags, denormal));
      addFlags(f, state, flags);
      f.return(roundAndPack(f, use, format));
      f.unreachable();
    },
  };
}

type LaneTable = Record<Arithmetic, LibraryFunction<'i64'>>;

const laneTable = (format: LaneFormat): LaneTable => ({
  add: laneArithmetic(format, 'add'),
  sub: laneArithmetic(format, 'sub'),
  mul: laneArithmetic(format, 'mul'),
  div: laneArithmetic(format, 'div'),
  sqrt: laneArithmetic(format, 'sqrt'),
});

export const LANE: Record<LaneFormat['name'], LaneTable> = {
  Single: laneTable(SINGLES),
  Double: laneTable(DOUBLES),
};

/**
 * (a, b) -> result, clearing FLAGS first: `operations[i]` in lane i, the other lanes of `a`. A root
 * takes its operand from `b` alone.
 */
export function vectorArithmetic(
  format: LaneFormat,
  operations: readonly Arithmetic[],
): LibraryFunction<'v128'> {
  const name = `vector${format.name}-${operations.join('-')}`;
  const known = vectors.get(name) ?? makeVectorArithmetic(name, format, operations);
  vectors.set(name, known);
  return known;
}

const vectors = new Map<string, LibraryFunction<'v128'>>();

function makeVectorArithmetic(
  name: string,
  format: LaneFormat,
  operations: readonly Arithmetic[],
): LibraryFunction<'v128'> {
  return {
    name,
    params: ['v128', 'v128'],
    result: 'v128',
    build: (f, use) => {
      const [a, b] = [f.param(1, 'v128'), f.param(2, 'v128')];
      clearFlags(f, f.param(0, 'i32'));
      const result = f.let(a);
      operations.forEach((operation, lane) => {
        const y = format.extract(b, lane);
        const x = operation === 'sqrt' ? y : format.extract(a, lane);
        f.set(result, format.replace(result, lane, use.library(LANE[format.name][operation], x, y)));
      });
      f.return(result);
      f.unreachable();
    },
  };
}

/** (bits) -> bits of the other format. */
function laneConversion(from: LaneFormat, to: LaneFormat): LibraryFunction<'i64'> {
  return {
    name: `convert${from.name}`,
    params: ['i64'],
    result: 'i64',
    build: (f, use) => {
      const state = f.param(0, 'i32');
      const { a, r, setLow } = slots(f);
      const kind = f.let(use.library(from.unpack, i32.const(SLOT.A), f.param(1, 'i64')));
      f.if(signaling(kind), () => addFlags(f, state, i32.const(EXCEPTION.INVALID)));
      addFlags(f, state, denormals(f, [{ kind, slot: SLOT.A }]));
      r.copy(a);
      setLow(i64.const(0));
      f.if(has(kind, KIND.NAN), () => {
        r.setSignificand(i64.or(a.significand, i64.const(1n << 62n)));
        r.setKind(KIND.QUIET);
      });
      f.return(roundAndPack(f, use, to));
      f.unreachable();
    },
  };
}

export const SINGLE_TO_DOUBLE = laneConversion(SINGLES, DOUBLES);
export const DOUBLE_TO_SINGLE = laneConversion(DOUBLES, SINGLES);

/** (integer) -> bits */
function laneFromInteger(format: LaneFormat): LibraryFunction<'i64'> {
  return {
    name: `integerTo${format.name}`,
    params: ['i64'],
    result: 'i64',
    build: (f, use) => {
      f.let(use.library(FROM_INTEGER, f.param(1, 'i64')));
      f.return(roundAndPack(f, use, format));
      f.unreachable();
    },
  };
}

export const INTEGER_TO_SINGLE = laneFromInteger(SINGLES);
export const INTEGER_TO_DOUBLE = laneFromInteger(DOUBLES);

/** The rounding field of the control argument replaced by `rounding`. */
const withRounding = (control: I32, rounding: I32): I32 =>
  i32.or(i32.and(control, i32.const(~0xc0)), i32.shl(rounding, i32.const(6)));

/** (bits, width of the integer, rounding control) -> integer. No denormal flag: SDM, CVTSD2SI. */
function laneToInteger(format: LaneFormat): LibraryFunction<'i64'> {
  return {
    name: `${format.name}ToInteger`,
    params: ['i64', 'i32', 'i32'],
    result: 'i64',
    build: (f, use) => {
      const state = f.param(0, 'i32');
      const kind = f.let(use.library(format.unpack, i32.const(SLOT.A), f.param(1, 'i64')));
      denormals(f, [{ kind, slot: SLOT.A }]);
      const control = withRounding(controlOf(state), f.param(3, 'i32'));
      addFlags(f, state, use.library(TO_INTEGER, f.param(2, 'i32'), control));
      f.return(slots(f).r.significand);
      f.unreachable();
    },
  };
}

export const SINGLE_TO_INTEGER = laneToInteger(SINGLES);
export const DOUBLE_TO_INTEGER = laneToInteger(DOUBLES);

/** (bits, rounding control, nonzero to suppress the precision flag) -> bits of the integer value. */
function laneRound(format: LaneFormat): LibraryFunction<'i64'> {
  return {
    name: `round${format.name}`,
    params: ['i64', 'i32', 'i32'],
    result: 'i64',
    build: (f, use) => {
      const state = f.param(0, 'i32');
      const bits = f.param(1, 'i64');
      const kind = f.let(use.library(format.unpack, i32.const(SLOT.A), bits));
      f.if(has(kind, KIND.NAN), () => {
        f.if(signaling(kind), () => addFlags(f, state, i32.const(EXCEPTION.INVALID)));
        f.return(i64.or(bits, i64.const(format.quietBit)));
      });
      denormals(f, [{ kind, slot: SLOT.A }]);
      const control = withRounding(controlOf(state), f.param(2, 'i32'));
      const flags = f.let(use.library(ROUND_TO_INTEGER, control));
      f.if(i32.eqz(f.param(3, 'i32')), () => addFlags(f, state, flags));
      f.return(use.library(format.pack));
      f.unreachable();
    },
  };
}

export const ROUND_SINGLE = laneRound(SINGLES);
export const ROUND_DOUBLE = laneRound(DOUBLES);
