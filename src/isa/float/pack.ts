/** A rounded unpacked number R to the bits of a format. NaN payloads lose what does not fit, below. */
import { choose, type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { LibraryFunction } from '../definition.ts';
import { biased, DOUBLE, type Format, ones, SINGLE } from './unpack.ts';
import { has, KIND, type Slot, slots } from './workspace.ts';

/** Biased exponent by kind: 0 for zero, all ones for infinity and NaN. */
const exponentBits = (r: Slot, bias: number, allOnes: number): I32 =>
  choose(
    has(r.kind, KIND.FINITE),
    biased(r, bias),
    choose(has(r.kind, KIND.ZERO), i32.const(0), i32.const(allOnes)),
  );

/** () -> bits of R, rounded before to the format's range. */
function packer(format: Format): LibraryFunction<'i64'> {
  const { width, fractionBits, bias } = format;
  return {
    name: `pack${format.name}`,
    params: [],
    result: 'i64',
    build: (f) => {
      const { r } = slots(f);
      const sign = i64.shl(i64.extend_i32_u(r.sign), i64.const(width - 1));
      const exponent = i64.extend_i32_u(exponentBits(r, bias, Number(ones(width - 1 - fractionBits))));
      const fraction: I64 = i64.shr_u(i64.shl(r.significand, i64.const(1)), i64.const(64 - fractionBits));
      f.return(i64.or(sign, i64.or(i64.shl(exponent, i64.const(fractionBits)), fraction)));
      f.unreachable();
    },
  };
}

export const PACK_SINGLE = packer(SINGLE);
export const PACK_DOUBLE = packer(DOUBLE);

/** () -> sign and exponent word of R as an 80-bit number; the significand is R's as it is. */
export const PACK_EXTENDED_TOP: LibraryFunction<'i32'> = {
  name: 'packExtendedTop',
  params: [],
  result: 'i32',
  build: (f) => {
    const { r } = slots(f);
    f.return(i32.or(i32.shl(r.sign, i32.const(15)), exponentBits(r, 16383, 0x7fff)));
    f.unreachable();
  },
};
