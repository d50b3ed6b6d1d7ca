/** A decoded instruction in the notation of `reference.ts`. */
import { type Decoder, NO_REGISTER, RIP_BASE } from '../decoder.ts';
import { type Operand, operandWidth, parseOperands } from '../operands.ts';
import { CODE_ADDRESS, formatMemory } from './reference.ts';

export const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'];
const NAMES = ['AX', 'CX', 'DX', 'BX', 'SP', 'BP', 'SI', 'DI'];
const HIGH_BYTES = ['AH', 'CH', 'DH', 'BH'];

/** A general register by the decoder's number, 16..19 being AH CH DH BH. */
export function generalName(number: number, bits: number): string {
  if (number >= 16) return HIGH_BYTES[number - 16];
  if (number >= 8) return `R${number}${{ 8: 'L', 16: 'W', 32: 'D', 64: '' }[bits]}`;
  const word = NAMES[number];
  if (bits === 8) return number < 4 ? `${word[0]}L` : `${word}L`;
  return { 16: word, 32: `E${word}`, 64: `R${word}` }[bits] ?? `${word}?${bits}`;
}

const mask = (low: number, high: number, bits: number): bigint =>
  BigInt.asUintN(bits, (BigInt(high) << 32n) | BigInt(low >>> 0));

/** The page that `CODE_ADDRESS` lies in: RIP-relative displacements count from there. */
const PAGE = BigInt(CODE_ADDRESS & ~0xfff);

function memory(d: Decoder, bytes: number): string {
  const bits = d.addressSize;
  const absolute = d.entry.row.operands?.includes('O') ?? false;
  const ipRelative = d.base === RIP_BASE;
  const displacement = absolute
    ? mask(d.immediateLow, d.immediateHigh, bits)
    : BigInt.asUintN(bits, BigInt(d.displacement) + (ipRelative ? PAGE : 0n));
  return formatMemory({
    segment: SEGMENTS[d.segment],
    base: ipRelative
      ? bits === 64
        ? 'RIP'
        : 'EIP'
      : d.base === NO_REGISTER
        ? ''
        : generalName(d.base, bits),
    index: d.index === NO_REGISTER ? '' : generalName(d.index, bits),
    scale: 1 << d.scale,
    displacement,
    bits,
    bytes,
  });
}

function operandText(d: Decoder, operand: Operand, isSecondImmediate: boolean): string {
  const width = operandWidth(operand, d.size);
  switch (operand.letter) {
    case 'E':
    case 'M':
    case 'R':
      return d.memory ? memory(d, width / 8) : generalName(d.rm, width);
    case 'O':
      return memory(d, width / 8);
    case 'G':
      return generalName(d.reg, width);
    case 'Z':
      return generalName(d.rm, width);
    case 'fixed':
      return generalName(0, width);
    case 'I':
      return isSecondImmediate
        ? `#${mask(d.secondImmediate, 0, width).toString(16)}`
        : `#${mask(d.immediateLow, d.immediateHigh, width).toString(16)}`;
    case 'J': {
      const target = BigInt(CODE_ADDRESS + d.length) + mask(d.immediateLow, d.immediateHigh, 64);
      return `>${BigInt.asUintN(d.size, target).toString(16)}`;
    }
    case 'A':
      return `${d.secondImmediate.toString(16)}:${mask(d.immediateLow, 0, Math.min(d.size, 32)).toString(16)}`;
    case 'S':
      return SEGMENTS[d.reg & 7] ?? 'no segment register';
    case 'C':
      return `CR${d.reg}`;
    case 'D':
      return `DR${d.reg}`;
    case 'V':
      return `XMM${d.reg}`;
    case 'W':
    case 'U':
      return d.memory ? memory(d, width / 8) : `XMM${d.rm}`;
    case 'P':
      return `MM${d.reg}`;
    case 'Q':
    case 'N':
      return d.memory ? memory(d, width / 8) : `MM${d.rm}`;
    case 'T':
      return `ST${d.immediateLow & 7}`;
    default:
      throw new Error(`operand letter ${operand.letter}`);
  }
}

/** The operands that the definition names, in its order. */
export function describeOperands(d: Decoder): string[] {
  let immediates = 0;
  return parseOperands(d.entry.row.operands).map((operand) => {
    if (operand.letter === 'I') immediates++;
    return operandText(d, operand, immediates === 2);
  });
}
