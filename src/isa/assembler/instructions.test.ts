import { Code, Decoder, DecoderOptions, EncodingKind, Formatter, FormatterSyntax } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { differences } from '../../../tools/nasm-compare.ts';
import { hasNasm } from '../../../tools/nasm-oracle.ts';

/**
 * Left out: relative branches (their distance depends on the place in the list), and forms that iced
 * spells differently or where NASM 2.16 is at odds with the manual (`o16 push`, `retw n`, 16-bit CET).
 */
const EXCLUDED =
  /^(o16 |o32 |o64 )*(bnd )?(j\w+|loop\w*|call|xbegin) (short |near |word |dword )*0x[\da-f]+(,e?cx)?$|^o16 push|^o64 (lldt|ltr|verr|verw|lmsw|getsec)|^ret[wdq] 0x|^(wru?ss|rdssp|incssp|ptwrite|invpcid|movdir64b|enqcmd|eret|(rep )?(xsha|xcrypt|xstore|montmul|undoc|ccs_))/;

/**
 * Instruction texts for a mode: every opcode of the maps with several ModRM bytes, decoded and
 * printed by iced in NASM's syntax. What NASM cannot read is left out by `nasmEach`.
 */
function decodedTexts(bits: 16 | 32 | 64): string[] {
  const formatter = new Formatter(FormatterSyntax.Nasm);
  formatter.branchLeadingZeros = false;
  formatter.uppercaseHex = false;
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.showBranchSize = true;
  const texts = new Set<string>();
  const prefixes = [
    [],
    [0x66],
    [0xf2],
    [0xf3],
    ...(bits === 64 ? [[0x48], [0x45], [0x66, 0x4d], [0xf3, 0x48], [0xf2, 0x48]] : [[0x67]]),
  ];
  const maps = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
  const modrms = [
    0xc1, 0xca, 0xd3, 0xdc, 0xe5, 0xee, 0xf7, 0xf8, 0x03, 0x0b, 0x13, 0x1b, 0x23, 0x2b, 0x33, 0x3b, 0x44,
    0x85,
  ];
  for (const prefix of prefixes) {
    for (const map of maps) {
      for (let opcode = 0; opcode < 256; opcode++) {
        for (const modrm of modrms) {
          const bytes = Uint8Array.of(
            ...prefix,
            ...map,
            opcode,
            modrm,
            0x18,
            0x22,
            0x33,
            0x04,
            0x85,
            0x66,
            0x07,
            0x18,
            0x09,
          );
          const decoder = new Decoder(bits, bytes, DecoderOptions.None);
          decoder.ip = 0x1000n;
          const instruction = decoder.decode();
          if (instruction.code !== Code.INVALID && instruction.encoding === EncodingKind.Legacy)
            texts.add(formatter.format(instruction));
          instruction.free();
          decoder.free();
        }
      }
    }
  }
  formatter.free();
  return [...texts].filter((text) => !EXCLUDED.test(text));
}

describe.skipIf(!hasNasm())('every opcode of the maps, as NASM assembles it', () => {
  for (const bits of [16, 32, 64] as const) {
    it(`${bits}-bit`, () => {
      const texts = decodedTexts(bits);
      expect(texts.length).toBeGreaterThan(14_000);
      expect(differences(bits, texts)).toEqual([]);
    });
  }
});
