/** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: SDM volume 2, "FLD1/FLDL2T/...". */
import { ROUNDING } from '../float/workspace.ts';

export interface Constant {
  readonly mnemonic: string;
  readonly encoding: string;
  /** Sign and exponent word. */
  readonly top: number;
  /** The largest significand that is not above the constant. */
  readonly significand: bigint;
  /** Bit n set: with rounding control n the next significand is loaded. Precision control has no say. */
  readonly above: number;
}

const EXACT = 0;
const WHEN_UP = 1 << ROUNDING.UP;
const WHEN_UP_OR_NEAREST = WHEN_UP | (1 << ROUNDING.NEAREST);

const row = (
  mnemonic: string,
  opcode: string,
  top: number,
  significand: bigint,
  above: number,
): Constant => ({ mnemonic, encoding: `D9 ${opcode}`, top, significand, above });

export const CONSTANTS: readonly Constant[] = [
  row('FLD1', 'E8', 0x3fff, 0x8000_0000_0000_0000n, EXACT),
  row('FLDL2T', 'E9', 0x4000, 0xd49a_784b_cd1b_8afen, WHEN_UP),
  row('FLDL2E', 'EA', 0x3fff, 0xb8aa_3b29_5c17_f0bbn, WHEN_UP_OR_NEAREST),
  row('FLDPI', 'EB', 0x4000, 0xc90f_daa2_2168_c234n, WHEN_UP_OR_NEAREST),
  row('FLDLG2', 'EC', 0x3ffd, 0x9a20_9a84_fbcf_f798n, WHEN_UP_OR_NEAREST),
  row('FLDLN2', 'ED', 0x3ffe, 0xb172_17f7_d1cf_79abn, WHEN_UP_OR_NEAREST),
  row('FLDZ', 'EE', 0, 0n, EXACT),
];
