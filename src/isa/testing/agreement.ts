/**
 * When our decoding of an instruction agrees with the reference's, and where they may differ: in
 * spelling, in operands that our definitions leave implicit, and in checks that the execution makes.
 */
import type { DecodeResult, Decoder } from '../decoder.ts';
import { hasAttribute, isSized } from '../operands.ts';
import { describeOperands, generalName, SEGMENTS } from './description.ts';
import type { ReferenceInstruction } from './reference.ts';

const CONDITIONS = 'O NO B AE E NE BE A S NS P NP L GE LE G'.split(' ');

/** Our mnemonics that iced spells by the operand size, or otherwise. */
const SPELLINGS: Readonly<Record<string, string>> = {
  MOVS: 'MOVSW MOVSD MOVSQ',
  CMPS: 'CMPSW CMPSD CMPSQ',
  STOS: 'STOSW STOSD STOSQ',
  LODS: 'LODSW LODSD LODSQ',
  SCAS: 'SCASW SCASD SCASQ',
  INS: 'INSB INSW INSD',
  OUTS: 'OUTSB OUTSW OUTSD',
  PUSHF: 'PUSHFD PUSHFQ',
  POPF: 'POPFD POPFQ',
  PUSHA: 'PUSHAD',
  POPA: 'POPAD',
  IRET: 'IRETD IRETQ',
  SYSRET: 'SYSRETQ',
  SYSEXIT: 'SYSEXITQ',
  CBW: 'CWDE CDQE',
  CWD: 'CDQ CQO',
  JCXZ: 'JECXZ JRCXZ',
  CMPXCHG8B: 'CMPXCHG16B',
  FXSAVE: 'FXSAVE64',
  FXRSTOR: 'FXRSTOR64',
  MOVD: 'MOVQ',
  PINSRD: 'PINSRQ',
  PEXTRD: 'PEXTRQ',
  PCMPESTRI: 'PCMPESTRI64',
  PCMPESTRM: 'PCMPESTRM64',
  SHL: 'SAL',
  XLAT: 'XLATB',
  FWAIT: 'WAIT',
  /** D9 D8+i: like FSTP, but an empty register is no error. */
  FSTP: 'FSTPNCE',
  /** Of the 8087 and 80287; nothing since. */
  FNOP: 'FNENI FNDISI FNSETPM',
  NOP: 'XCHG RESERVEDNOP',
  PREFETCHNTA: 'RESERVEDNOP',
  PREFETCHT0: 'RESERVEDNOP',
  PREFETCHT1: 'RESERVEDNOP',
  PREFETCHT2: 'RESERVEDNOP',
};

/** System operations that check a register number themselves: #UD when they are executed. */
const CHECKED_LATER = /^move(To|From)(Control|Debug|Segment)$/;

/** "mnemonic encoding" of instructions for which iced names another width than ours, of the same meaning. */
const ANY_WIDTH: readonly RegExp[] = [
  // 16 bits whatever the operand size: iced names the register, ours the word; in memory the other way round.
  /^(LAR|LSL|VERR|VERW|ARPL|SLDT|LLDT|STR|LTR|SMSW|LMSW|PINSRW|MOV 8[CE])/,
  // REX.W changes nothing: results are zero-extended, x87 environments have their 32-bit form.
  /^(CRC32 F2 0F 38 F[01]|P?MOVMSK(B|PS|PD)|EXTRACTPS|PINSRB|PEXTR[BW]|FN?(STENV|SAVE)|FLDENV|FRSTOR)/,
];

/** Operands that our definitions leave implicit. */
const IMPLICIT = /^(AL|AX|EAX|RAX|DX|CL|ST0|XMM0|#1|[CDEFGS]S|string.*)$/;

const GENERAL = new Map(
  [16, 32, 64].flatMap((bits) =>
    Array.from({ length: 16 }, (_, n) => [generalName(n, bits), `r${n}`] as const),
  ),
);
const withoutWidth = (operand: string): string => GENERAL.get(operand) ?? operand.replace(/\/\d+$/, '/0');

function sameMnemonic(d: Decoder, theirs: string): boolean {
  const { row, cc } = d.entry;
  const ours = row.encoding.endsWith('+cc') ? row.mnemonic + CONDITIONS[cc] : row.mnemonic;
  return ours === theirs || SPELLINGS[ours]?.split(' ').includes(theirs) === true;
}

/** A definition may leave out the size of a memory operand, which then counts as 0. */
const sameOperand = (ours: string, theirs: string): boolean =>
  ours === theirs || (ours.endsWith('/0') && ours === withoutWidth(theirs));

/** Our operands must be found in the reference's, in order; what is left over must be implicit. */
function sameOperands(ours: readonly string[], theirs: readonly string[]): boolean {
  let next = 0;
  for (const operand of theirs) {
    if (next < ours.length && sameOperand(ours[next], operand)) next++;
    else if (!IMPLICIT.test(operand)) return false;
  }
  return next === ours.length;
}

/** A string instruction's memory in our decoding; that at ES:rDI takes no other segment. */
const stringMemory = (d: Decoder, theirs: string): string =>
  `string${d.addressSize} ${theirs.endsWith('ES') ? 'ES' : SEGMENTS[d.segment]}`;

function operandsAgree(d: Decoder, where: string, theirs: ReferenceInstruction): boolean {
  const ours = describeOperands(d);
  if (theirs.operands.some((o) => o.startsWith('string') && o !== stringMemory(d, o))) return false;
  if (/^(NOP|PREFETCH)/.test(where) && theirs.mnemonic !== 'XCHG') {
    // What a NOP names beside memory means nothing; 90 is XCHG of the accumulator with itself.
    const [first] = theirs.operands;
    return first === undefined ? ours[0] === ours[1] : withoutWidth(ours[0]) === withoutWidth(first);
  }
  if (!ANY_WIDTH.some((pattern) => pattern.test(where))) return sameOperands(ours, theirs.operands);
  return sameOperands(ours.map(withoutWidth), theirs.operands.map(withoutWidth));
}

/** System operations find their operand size themselves. */
function sizesAgree(d: Decoder, where: string, theirs: ReferenceInstruction): boolean {
  const { row } = d.entry;
  if (typeof row.semantics !== 'function' || !isSized(row) || theirs.operandSize === 0) return true;
  return d.size === theirs.operandSize || ANY_WIDTH.some((pattern) => pattern.test(where));
}

/** Of bytes that are no instruction here. */
function wronglyAccepted(d: Decoder, result: DecodeResult): boolean {
  if (result !== 'ok') return result === 'more';
  const { semantics, fallback = '' } = d.entry.row;
  return !CHECKED_LATER.test(typeof semantics === 'function' ? fallback : semantics.system);
}

/** What is wrong with our decoding, if anything. */
export function disagreement(
  d: Decoder,
  result: DecodeResult,
  theirs: ReferenceInstruction | undefined,
): string | undefined {
  const where = result === 'ok' ? `${d.entry.row.mnemonic} ${d.entry.row.encoding}` : result;
  if (theirs === undefined || !theirs.known) {
    return wronglyAccepted(d, result) ? `${where}: is ${theirs?.mnemonic ?? 'no instruction'}` : undefined;
  }
  if (result !== 'ok') return `${where}: is ${theirs.mnemonic}`;
  if (!sameMnemonic(d, theirs.mnemonic)) return `${where}: is ${theirs.mnemonic}`;
  if (d.length !== theirs.length) return `${where}: length`;
  if (d.lock !== theirs.lock) return `${where}: LOCK`;
  if (hasAttribute(d.entry.row, 'rep') && d.rep !== theirs.rep) return `${where}: REP`;
  if (!sizesAgree(d, where, theirs)) return `${where}: operand size`;
  return operandsAgree(d, where, theirs) ? undefined : `${where}: operands`;
}

/** Both decodings in one line. */
export function explain(
  d: Decoder,
  result: DecodeResult,
  theirs: ReferenceInstruction | undefined,
  bytes: Uint8Array,
): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const ours = result === 'ok' ? text(d.length, d.entry.row.mnemonic, describeOperands(d), d.size) : result;
  const other = theirs
    ? text(theirs.length, theirs.mnemonic, theirs.operands, theirs.operandSize)
    : 'no instruction';
  return `${hex}: ${ours} | reference: ${other}`;
}

const text = (length: number, mnemonic: string, operands: readonly string[], size: number): string =>
  `${length} bytes, ${mnemonic} ${operands.join(', ')}, operand size ${size}`;
