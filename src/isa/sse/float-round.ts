/** ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD (SSE4.1): SDM volume 2. */
import { type Expression, type I32, i32, select } from '../../wasm/expression.ts';
import type { Context, Instruction, LibraryFunction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';
import { type LaneFormat, ROUND_DOUBLE, ROUND_SINGLE, SINGLES } from './float-lanes.ts';
import { ordinary, PD, PS, SD, type Shape, SS } from './float-shapes.ts';
import { clearFlags, inexactIsPlain, MXCSR, settle } from './mxcsr.ts';
import { immediateByte } from './rows.ts';

/** Immediate: rounding control 1:0; bit 2 takes MXCSR's instead; bit 3 keeps the precision flag clear. */
const USE_MXCSR = 4;
const NO_PRECISION = 8;

/** (a, b, rounding control, suppress) -> b rounded in the lanes of the shape, `a` in the others. */
const exactRound = (s: Shape): LibraryFunction<'v128'> => ({
  name: `round${s.suffix}`,
  params: ['v128', 'v128', 'i32', 'i32'],
  result: 'v128',
  build: (f, use) => {
    const [a, b] = [f.param(1, 'v128'), f.param(2, 'v128')];
    const lane = laneOf(s.format);
    clearFlags(f, f.param(0, 'i32'));
    const result = f.let(a);
    for (let i = 0; i < s.lanes; i++) {
      const bits = use.library(lane, s.format.extract(b, i), f.param(3, 'i32'), f.param(4, 'i32'));
      f.set(result, s.format.replace(result, i, bits));
    }
    f.return(result);
    f.unreachable();
  },
});

const laneOf = (format: LaneFormat): LibraryFunction<'i64'> =>
  format === SINGLES ? ROUND_SINGLE : ROUND_DOUBLE;

/** The four roundings, one chosen by the rounding control. */
function chosenRounding(c: Context, s: Shape, x: Expression, rounding: I32): Expression {
  const [nearest, floor, ceil, trunc] = s.toInteger.map((round) => c.f.let(round(x)));
  const upper = i32.shr_u(rounding, i32.const(1));
  const odd = i32.and(rounding, i32.const(1));
  return select(upper, select(odd, trunc, ceil), select(odd, floor, nearest));
}

const round = (s: Shape): Semantics => {
  const exact = exactRound(s);
  return (c) => {
    const { f } = c;
    const destination = f.let(c.readV(0));
    const source = f.let(c.readV(1));
    const immediate = immediateByte(c);
    const mxcsr = i32.load(c.field(STATE.MXCSR));
    const rounding = f.let(
      i32.and(
        select(
          i32.and(immediate, i32.const(USE_MXCSR)),
          i32.shr_u(mxcsr, i32.const(MXCSR.ROUNDING_SHIFT)),
          immediate,
        ),
        i32.const(3),
      ),
    );
    const suppress = f.let(i32.and(immediate, i32.const(NO_PRECISION)));
    const x = f.let(s.value(source));
    const r = f.let(chosenRounding(c, s, x, rounding));
    const unnoticed = i32.or(suppress, inexactIsPlain(mxcsr));
    const fine = i32.and(s.all(ordinary(s, x)), i32.or(s.all(s.eq(r, x)), unnoticed));
    const result = f.local('v128');
    f.if(
      fine,
      () => f.set(result, s.merge(destination, r)),
      () => {
        f.set(result, c.library(exact, destination, source, rounding, suppress));
        settle(c);
      },
    );
    c.writeV(0, result);
  };
};

const OPCODES: readonly (readonly [Shape, string])[] = [
  [PS, '08'],
  [PD, '09'],
  [SS, '0A'],
  [SD, '0B'],
];

export const floatRound: readonly Instruction[] = OPCODES.map(([s, opcode]) => {
  const width = s.suffix.toLowerCase();
  return {
    mnemonic: `ROUND${s.suffix}`,
    encoding: `66 0F 3A ${opcode}`,
    operands: `V${width},W${width},Ib`,
    attributes: s.lanes === 1 ? 'sse modify' : 'sse align modify',
    feature: 'sse4_1',
    semantics: round(s),
  };
});
