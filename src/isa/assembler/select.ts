/** Chooses the encoding of an instruction as NASM does: the shortest that fits. */
import type { Register } from 'iced-x86';
import { rewrite, spellingOf } from './aliases.ts';
import { encode } from './encode.ts';
import type { EncodeContext } from './encode-memory.ts';
import { type Encoding, encodingsOf, knownMnemonics } from './encodings.ts';
import { type MatchContext, mismatch } from './match.ts';
import { constantOperand, type Operand } from './operands.ts';
import { needs64Bits } from './registers.ts';
import { type Bits, SourceError } from './types.ts';
import { isScalar, type Value } from './value.ts';

/** Prefixes written before the mnemonic. */
export interface Prefixes {
  /** LOCK, REP and WAIT bytes in the order written. */
  readonly bytes: readonly number[];
  readonly segment: Register;
  readonly operandSize: number | undefined;
  readonly addressSize: number | undefined;
}

export interface InstructionSource {
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  readonly prefixes: Prefixes;
}

/** Instructions whose memory operand has the natural size when none is given. */
const NATURAL_SIZE = new Set(['jmp', 'call', 'cvtsi2ss', 'cvtsi2sd', 'ptwrite']);
/** Only full encodings count here: `pinsrw xmm0, [m], 1` reads a word whatever register form it stands for. */
const COUNTERS: Readonly<Record<string, number>> = { cx: 16, ecx: 32, rcx: 64 };

/** Edits from one word to the other: letters inserted, deleted, changed, or swapped with a neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const edited = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      next.push(swapped ? Math.min(edited, before[j - 2] + 1) : edited);
    }
    [before, row] = [row, next];
  }
  return row[b.length];
}

function unknownMnemonic(mnemonic: string): SourceError {
  let best = '';
  let least = Math.min(3, mnemonic.length - 1);
  for (const name of knownMnemonics()) {
    const d = distance(mnemonic, name);
    if (d < least) [best, least] = [name, d];
  }
  return new SourceError(`unknown instruction '${mnemonic}'${best ? `; did you mean '${best}'?` : ''}`);
}

/** True when the (lower-case) word is a mnemonic of some instruction. */
export const isMnemonic = (word: string): boolean =>
  spellingOf(word).mnemonics.some((m) => encodingsOf(m) !== undefined);

function candidates(mnemonics: readonly string[], original: string): Encoding[] {
  const result: Encoding[] = [];
  for (const m of mnemonics) result.push(...(encodingsOf(m) ?? []));
  if (result.length === 0) throw unknownMnemonic(original);
  return result;
}

function checkSizeIsKnown(
  mnemonic: string,
  operands: readonly Operand[],
  matching: readonly Encoding[],
): void {
  const memory = operands.find((o) => o.kind === 'memory');
  if (memory === undefined || memory.size !== undefined || NATURAL_SIZE.has(mnemonic)) return;
  const sizes = new Set(matching.map((e) => e.memoryBytes));
  if (sizes.size > 1)
    throw new SourceError(
      'operation size not specified: write byte, word, dword or qword before the operand',
    );
}

/** Moves the short immediate forms to the front; `strict` asks for the full width instead. */
function order(matching: readonly Encoding[], operands: readonly Operand[]): Encoding[] {
  const strict = operands.find((o) => o.kind === 'immediate' && o.strict && o.size !== undefined);
  if (strict) {
    const exact = matching.filter((e) => e.written.some((p) => p.immediate?.bytes === strict.size));
    if (exact.length > 0) return exact;
  }
  const rank = (e: Encoding) =>
    e.written.some((p) => p.immediate && p.immediate.bytes < p.immediate.extends)
      ? 0
      : e.operandSize === 64
        ? 2
        : 1;
  return [...matching].sort((a, b) => rank(a) - rank(b));
}

/** Short forms that would not do what the source says. */
function changesMeaning(e: Encoding, [a, b]: readonly Operand[], bits: Bits): boolean {
  // An address can have 64 bits: the sign-extended form is only for numbers and on request.
  if (e.name === 'Mov_rm64_imm32')
    return a.kind === 'register' && b.kind === 'immediate' && !isScalar(b.value) && b.size === undefined;
  // 90h is NOP and does not clear the upper half of RAX.
  return e.name === 'Xchg_r32_EAX' && bits === 64 && a.kind === 'register' && a.register.name === 'eax';
}

function withoutCounter(
  mnemonic: string,
  operands: readonly Operand[],
): { operands: readonly Operand[]; addressSize?: number } {
  const last = operands.at(-1);
  if (!mnemonic.startsWith('loop') || operands.length !== 2 || last?.kind !== 'register') return { operands };
  const addressSize = COUNTERS[last.register.name];
  return addressSize === undefined ? { operands } : { operands: operands.slice(0, 1), addressSize };
}

function matchAll(
  list: readonly Encoding[],
  operands: readonly Operand[],
  context: MatchContext,
): Encoding[] {
  let tooLarge: string | undefined;
  const fitting: Encoding[] = [];
  for (const encoding of list) {
    const reason = mismatch(encoding, operands, context);
    if (reason === undefined) {
      if (!changesMeaning(encoding, operands, context.bits)) fitting.push(encoding);
    } else if (reason !== 'form') tooLarge ??= reason.tooLarge;
  }
  if (fitting.length > 0) return fitting;
  if (tooLarge !== undefined) throw new SourceError(tooLarge);
  const elsewhere = ([16, 32, 64] as const).filter(
    (bits) =>
      bits !== context.bits && list.some((e) => mismatch(e, operands, { ...context, bits }) === undefined),
  );
  throw new SourceError(
    elsewhere.length > 0
      ? `the instruction does not exist in ${context.bits}-bit code (only in ${elsewhere.join('- and ')}-bit)`
      : 'no form of the instruction takes these operands',
  );
}

/** A number without a size is pushed in the size of the mode. */
const pushesNumber = (mnemonic: string, operands: readonly Operand[]) =>
  mnemonic === 'push' && operands[0]?.kind === 'immediate' && operands[0].size === undefined;

/** Keeps the encodings of the operand size asked for; when there are none the prefix is added by hand. */
function honourOperandSize(
  matching: Encoding[],
  size: number | undefined,
  natural: number | undefined,
): { matching: Encoding[]; prefix: boolean } {
  if (size === undefined) {
    const usual = matching.filter((e) => e.operandSize === natural);
    return { matching: natural !== undefined && usual.length > 0 ? usual : matching, prefix: false };
  }
  const exact = matching.filter((e) => e.operandSize === size);
  return exact.length > 0 ? { matching: exact, prefix: false } : { matching, prefix: true };
}

function extraPrefixes(
  prefixes: Prefixes,
  bits: Bits,
  operandPrefix: boolean,
  encoding: Encoding,
  operands: readonly Operand[],
): number[] {
  const extra = [...prefixes.bytes];
  if (operandPrefix && prefixes.operandSize !== bits && !(bits === 64 && prefixes.operandSize === 32)) {
    if (prefixes.operandSize === 64) throw new SourceError('the instruction has no 64-bit form');
    extra.push(0x66);
  }
  const addressed =
    encoding.addressSize !== 0 ||
    encoding.patterns.some((p) => p.implicit) ||
    operands.some((o) => o.kind === 'memory');
  if (prefixes.addressSize !== undefined && prefixes.addressSize !== bits && !addressed) extra.push(0x67);
  return extra;
}

function checkAddressSize(operands: readonly Operand[], addressSize: number | undefined, bits: Bits): void {
  const memory = operands.find((o) => o.kind === 'memory');
  const size = memory && (memory.base ?? memory.index)?.size;
  if (size === undefined) return;
  if (addressSize !== undefined && size * 8 !== addressSize)
    throw new SourceError(`a${addressSize} contradicts the registers of the address`);
  if ((size === 8 && bits !== 64) || (size === 2 && bits === 64))
    throw new SourceError(`${size * 8}-bit addresses do not exist in ${bits}-bit code`);
}

/** Registers that need a REX prefix exist in 64-bit code only. */
function checkRegisters(operands: readonly Operand[], bits: Bits): void {
  if (bits === 64) return;
  for (const o of operands) {
    const registers = o.kind === 'register' ? [o.register] : o.kind === 'memory' ? [o.base, o.index] : [];
    for (const r of registers) {
      if (r !== undefined && needs64Bits(r)) throw new SourceError(`'${r.name}' exists in 64-bit code only`);
    }
  }
}

/** Short branches are only chosen by themselves for targets in the same section. */
function mayShorten(encoding: Encoding, operands: readonly Operand[], here: Value): boolean {
  const [target] = operands;
  if (!encoding.written.some((p) => p.branch?.bytes === 1) || target?.kind !== 'immediate') return true;
  if (
    target.reach === 'short' ||
    target.value.unknown ||
    !/^J[a-z]+_rel8/.test(encoding.name) ||
    /^J[er]?cxz/i.test(encoding.name)
  )
    return true;
  const [section] = here.terms.keys();
  return target.value.terms.has(section);
}

/**
 * Bytes of one instruction at `here`. Throws SourceError naming what is wrong.
 */
export function assembleInstruction(
  source: InstructionSource,
  bits: Bits,
  here: Value,
  address: bigint,
): Uint8Array {
  const { prefixes } = source;
  const spelling = spellingOf(source.mnemonic);
  const trailing = spelling.trailing === undefined ? [] : [constantOperand(BigInt(spelling.trailing))];
  const base = rewrite(spelling.mnemonics[0], [...source.operands, ...trailing], bits);
  const counter = withoutCounter(base.mnemonic, base.operands);
  const { operands } = counter;
  const mnemonics = spelling.mnemonics.length > 1 ? spelling.mnemonics : [base.mnemonic];
  const addressSize = counter.addressSize ?? prefixes.addressSize;
  checkRegisters(source.operands, bits);
  checkAddressSize(operands, prefixes.addressSize, bits);
  const operandSize = prefixes.operandSize ?? spelling.operandSize;
  const context: MatchContext = { bits, operandSize, addressSize };
  const all = matchAll(candidates(mnemonics, source.mnemonic), operands, context);
  const { matching, prefix } = honourOperandSize(
    all,
    operandSize,
    pushesNumber(base.mnemonic, operands) ? bits : undefined,
  );
  checkSizeIsKnown(base.mnemonic, operands, matching);
  const encodeContext: EncodeContext = { bits, address, addressSize, segment: prefixes.segment };
  let best: { bytes: Uint8Array; encoding: Encoding } | undefined;
  let problem: unknown;
  for (const encoding of order(matching, operands)) {
    if (!mayShorten(encoding, operands, here)) continue;
    try {
      const bytes = encode(encoding, operands, encodeContext);
      if (bytes !== undefined && (best === undefined || bytes.length < best.bytes.length))
        best = { bytes, encoding };
    } catch (error) {
      problem ??= error;
    }
  }
  if (best === undefined) throw problem ?? new SourceError('the target is out of range of a short jump');
  const extra = extraPrefixes(prefixes, bits, prefix, best.encoding, operands);
  return extra.length === 0 ? best.bytes : Uint8Array.of(...extra, ...best.bytes);
}
