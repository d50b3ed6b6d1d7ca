/** Operands of instructions: registers, immediates, far pointers and effective addresses. */
import { expression, type Scope, type TokenReader } from './expression.ts';
import type { RegisterInfo } from './registers.ts';
import { registerNamed } from './registers.ts';
import { type Bits, SourceError } from './types.ts';
import { isScalar, scalar, subtract, type Value } from './value.ts';

/** Size keywords, in bytes. */
const SIZES: Readonly<Record<string, number>> = {
  byte: 1,
  word: 2,
  dword: 4,
  qword: 8,
  tword: 10,
  oword: 16,
  yword: 32,
  zword: 64,
};

export type Reach = 'short' | 'near' | 'far' | 'to';

interface Modifiers {
  /** Size keyword before the operand, in bytes. */
  readonly size: number | undefined;
  readonly strict: boolean;
  readonly reach: Reach | undefined;
}

export interface RegisterOperand extends Modifiers {
  readonly kind: 'register';
  readonly register: RegisterInfo;
}

export interface ImmediateOperand extends Modifiers {
  readonly kind: 'immediate';
  readonly value: Value;
}

export interface FarOperand extends Modifiers {
  readonly kind: 'far';
  readonly selector: Value;
  readonly offset: Value;
}

export interface MemoryOperand extends Modifiers {
  readonly kind: 'memory';
  readonly segment: RegisterInfo | undefined;
  readonly base: RegisterInfo | undefined;
  readonly index: RegisterInfo | undefined;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: Value;
  /** Size keyword inside the brackets, in bytes: width of the displacement, or of a bare address. */
  readonly displacementSize: number | undefined;
  /** RIP-relative. */
  readonly relative: boolean;
}

export type Operand = RegisterOperand | ImmediateOperand | FarOperand | MemoryOperand;

export interface OperandContext {
  readonly scope: Scope;
  readonly bits: Bits;
  /** `default rel` is in force. */
  readonly defaultRelative: boolean;
}

function modifiers(reader: TokenReader): Modifiers {
  let size: number | undefined;
  let strict = false;
  let reach: Reach | undefined;
  for (;;) {
    const token = reader.peek();
    if (token?.kind !== 'id') return { size, strict, reach };
    const word = token.text.toLowerCase();
    if (Object.hasOwn(SIZES, word)) size = SIZES[word];
    else if (word === 'strict') strict = true;
    else if (word === 'short' || word === 'near' || word === 'far' || word === 'to') reach = word;
    else return { size, strict, reach };
    reader.at++;
  }
}

function segmentOverride(reader: TokenReader): RegisterInfo | undefined {
  const token = reader.peek();
  const colon = reader.tokens[reader.at + 1];
  if (token?.kind !== 'id' || colon?.kind !== 'operator' || colon.text !== ':') return undefined;
  const register = registerNamed(token.text);
  if (register?.class !== 'segment') return undefined;
  reader.at += 2;
  return register;
}

interface Address {
  readonly base: RegisterInfo | undefined;
  readonly index: RegisterInfo | undefined;
  readonly scale: 1 | 2 | 4 | 8;
}

/** Splits the register terms into base and index as NASM does: `eax*3` is `eax+eax*2`. */
function baseAndIndex(value: Value, keepIndex: boolean, column: number): Address {
  const registers: { register: RegisterInfo; count: number }[] = [];
  for (const [term, count] of value.terms) if ('iced' in term) registers.push({ register: term, count });
  if (registers.length > 2) throw new SourceError('an address holds at most two registers', column);
  for (const { register } of registers) {
    if (register.class !== 'general' || register.size === 1) {
      throw new SourceError(`'${register.name}' cannot be part of an address`, column);
    }
    if (register.size !== registers[0].register.size)
      throw new SourceError('the registers of an address must have one width', column);
  }
  const scaled = (count: number): 1 | 2 | 4 | 8 => {
    if (count === 1 || count === 2 || count === 4 || count === 8) return count;
    throw new SourceError(`a register cannot be scaled by ${count} here`, column);
  };
  const isStack = (r: RegisterInfo) => r.number === 4 && r.size >= 4;
  const [first, second] = registers;
  if (first === undefined) return { base: undefined, index: undefined, scale: 1 };
  if (second === undefined) {
    const { register, count } = first;
    if (count === 1 && !(value.index === register && keepIndex))
      return { base: register, index: undefined, scale: 1 };
    if (count === 3 || count === 5 || count === 9)
      return { base: register, index: register, scale: scaled(count - 1) };
    if (count === 2 && !keepIndex) return { base: register, index: register, scale: 1 };
    return { base: undefined, index: register, scale: scaled(count) };
  }
  let [base, index] = [first, second];
  // The scaled register is the index; so is one written reg*1, and the stack pointer never is.
  if (base.count !== 1 || (index.count === 1 && (value.index === base.register || isStack(index.register))))
    [base, index] = [index, base];
  if (base.count !== 1) throw new SourceError('only one register of an address can be scaled', column);
  if (isStack(index.register)) {
    if (index.count !== 1 || isStack(base.register))
      throw new SourceError(`'${index.register.name}' cannot be an index register`, column);
    [base, index] = [index, base];
  }
  return { base: base.register, index: index.register, scale: scaled(index.count) };
}

/** 16-bit addressing knows BX or BP as base and SI or DI as index only. */
function check16(address: Address, column: number): Address {
  const { base, index, scale } = address;
  const isBase = (r: RegisterInfo) => r.name === 'bx' || r.name === 'bp';
  const isIndex = (r: RegisterInfo) => r.name === 'si' || r.name === 'di';
  if (scale === 1 && base && index && isBase(index) && isIndex(base))
    return { base: index, index: base, scale };
  const good =
    scale === 1 && base && (index ? isBase(base) && isIndex(index) : isBase(base) || isIndex(base));
  if (!good)
    throw new SourceError('16-bit addresses are made of bx or bp, si or di, and a displacement', column);
  return address;
}

function withoutRegisters(value: Value): Value {
  let result = value;
  for (const [term, count] of value.terms) {
    if ('iced' in term) result = subtract(result, { n: 0n, terms: new Map([[term, count]]), unknown: false });
  }
  return result;
}

/** What stands between the brackets. */
function memory(
  reader: TokenReader,
  context: OperandContext,
  outer: Modifiers,
  outerSegment: RegisterInfo | undefined,
): MemoryOperand {
  const column = reader.column();
  reader.expect('[');
  let displacementSize: number | undefined;
  let relation: 'rel' | 'abs' | undefined;
  let keepIndex = false;
  const takeWords = () => {
    for (let token = reader.peek(); token?.kind === 'id'; token = reader.peek()) {
      const word = token.text.toLowerCase();
      if (Object.hasOwn(SIZES, word)) displacementSize = SIZES[word];
      else if (word === 'rel' || word === 'abs') relation = word;
      else if (word === 'nosplit') keepIndex = true;
      else return;
      reader.at++;
    }
  };
  takeWords();
  const segment = segmentOverride(reader) ?? outerSegment;
  takeWords();
  const value = expression(reader, context.scope);
  reader.expect(']');
  const address = baseAndIndex(value, keepIndex, column);
  const register = address.base ?? address.index;
  const displacement = withoutRegisters(value);
  const threadSegment = segment?.name === 'fs' || segment?.name === 'gs';
  const mayBeRelative =
    context.bits === 64 && register === undefined && (!isScalar(displacement) || displacement.unknown);
  const relative =
    mayBeRelative &&
    (relation === 'rel' ||
      (relation === undefined && context.defaultRelative && !threadSegment && displacementSize !== 8));
  return {
    kind: 'memory',
    ...outer,
    segment,
    displacement,
    displacementSize,
    relative,
    ...(register?.size === 2 ? check16(address, column) : address),
  };
}

function operand(reader: TokenReader, context: OperandContext): Operand {
  const column = reader.column();
  const common = modifiers(reader);
  const segment = segmentOverride(reader);
  if (segment !== undefined || reader.is('[')) {
    const result = memory(reader, context, common, segment);
    return common.size === undefined ? { ...result, size: modifiers(reader).size } : result;
  }
  const value = expression(reader, context.scope);
  if (reader.accept(':')) {
    return { kind: 'far', ...common, selector: value, offset: expression(reader, context.scope) };
  }
  const terms = [...value.terms];
  const [term, count] = terms[0] ?? [];
  if (term !== undefined && 'iced' in term) {
    if (terms.length === 1 && count === 1 && value.n === 0n)
      return { kind: 'register', ...common, register: term };
    throw new SourceError('registers can only be added up inside square brackets', column);
  }
  return { kind: 'immediate', ...common, value };
}

/** All operands up to the end of the line. */
export function operands(reader: TokenReader, context: OperandContext): Operand[] {
  const result: Operand[] = [];
  if (reader.peek() === undefined) return result;
  do result.push(operand(reader, context));
  while (reader.accept(','));
  reader.expectEnd();
  return result;
}

export const constantOperand = (n: bigint): ImmediateOperand => ({
  kind: 'immediate',
  size: undefined,
  strict: false,
  reach: undefined,
  value: scalar(n),
});

export const registerOperand = (name: string): RegisterOperand => ({
  kind: 'register',
  size: undefined,
  strict: false,
  reach: undefined,
  register: registerNamed(name) as RegisterInfo,
});
