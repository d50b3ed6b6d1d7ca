/**
 * Expressions (NASM manual, "Expressions"): evaluated while parsed, with 64-bit wrap-around integers.
 * The boolean and relational operators give 1 or 0.
 */
import type { Token } from './lexer.ts';
import { registerNamed } from './registers.ts';
import { SourceError } from './types.ts';
import { add, isScalar, multiply, negate, scalar, subtract, termValue, type Value } from './value.ts';

/** What an expression may refer to. */
export interface Scope {
  /** Value of a symbol; throws SourceError when it does not exist. */
  symbol(name: string, column: number): Value;
  /** `$`: address of the statement; `$$`: start of the section. */
  here(): Value;
  sectionStart(): Value;
}

/** Reads tokens from left to right. */
export class TokenReader {
  readonly tokens: readonly Token[];
  at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  peek(): Token | undefined {
    return this.tokens[this.at];
  }

  next(what: string): Token {
    const token = this.tokens[this.at];
    if (token === undefined)
      throw new SourceError(`${what} is missing at the end of the line`, this.column());
    this.at++;
    return token;
  }

  /** Column of the next token, or just behind the last one. */
  column(): number {
    const token = this.peek() ?? this.tokens.at(-1);
    return token === undefined ? 1 : token.column + (this.peek() ? 0 : token.text.length);
  }

  is(operator: string): boolean {
    const token = this.peek();
    return token?.kind === 'operator' && token.text === operator;
  }

  /** Consumes the operator if it is next. */
  accept(operator: string): boolean {
    if (!this.is(operator)) return false;
    this.at++;
    return true;
  }

  expect(operator: string): void {
    if (!this.accept(operator)) throw new SourceError(`expected '${operator}'`, this.column());
  }

  /** Consumes the (case-insensitive) word if it is next. */
  acceptWord(word: string): boolean {
    const token = this.peek();
    if (token?.kind !== 'id' || token.text.toLowerCase() !== word) return false;
    this.at++;
    return true;
  }

  expectEnd(): void {
    const token = this.peek();
    if (token)
      throw new SourceError(`unexpected '${token.text}' after the end of the statement`, token.column);
  }
}

const unsigned = (n: bigint) => BigInt.asUintN(64, n);
const truth = (b: boolean) => (b ? 1n : 0n);

function nonZero(divisor: bigint): bigint {
  if (divisor === 0n) throw new SourceError('division by zero');
  return divisor;
}

/** Shift counts of 64 and more shift everything out. */
const shiftLeft = (a: bigint, b: bigint) => (unsigned(b) > 63n ? 0n : a << b);
const shiftRight = (a: bigint, b: bigint) => (unsigned(b) > 63n ? 0n : unsigned(a) >> b);
const shiftRightSigned = (a: bigint, b: bigint) => a >> (unsigned(b) > 63n ? 63n : b);

type Operator = (a: bigint, b: bigint) => bigint;

/** Binary operators on scalars by precedence, loosest first. Addition and multiplication know addresses and stand apart. */
const LEVELS: readonly Readonly<Record<string, Operator>>[] = [
  { '||': (a, b) => truth(a !== 0n || b !== 0n) },
  { '^^': (a, b) => truth((a !== 0n) !== (b !== 0n)) },
  { '&&': (a, b) => truth(a !== 0n && b !== 0n) },
  {
    '=': (a, b) => truth(a === b),
    '==': (a, b) => truth(a === b),
    '!=': (a, b) => truth(a !== b),
    '<>': (a, b) => truth(a !== b),
    '<': (a, b) => truth(a < b),
    '<=': (a, b) => truth(a <= b),
    '>': (a, b) => truth(a > b),
    '>=': (a, b) => truth(a >= b),
    '<=>': (a, b) => (a < b ? -1n : truth(a > b)),
  },
  { '|': (a, b) => a | b },
  { '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '<<': shiftLeft, '<<<': shiftLeft, '>>': shiftRight, '>>>': shiftRightSigned },
];
const RELATIONS = 3;

const MULTIPLICATIVE: Readonly<Record<string, Operator>> = {
  '/': (a, b) => unsigned(a) / nonZero(unsigned(b)),
  '//': (a, b) => a / nonZero(b),
  '%': (a, b) => unsigned(a) % nonZero(unsigned(b)),
  '%%': (a, b) => a % nonZero(b),
};

/** A character constant: up to eight bytes, the first one the lowest. */
function characterConstant(token: Token): bigint {
  if (token.text.length > 8)
    throw new SourceError('a character constant holds at most 8 bytes', token.column);
  let n = 0n;
  for (let i = token.text.length - 1; i >= 0; i--) n = (n << 8n) | BigInt(token.text.charCodeAt(i));
  return n;
}

function scalarOperation(operator: string, apply: Operator, a: Value, b: Value, column: number): Value {
  // A guess of the first pass may lack the section that would cancel out later.
  if ((!isScalar(a) || !isScalar(b)) && !a.unknown && !b.unknown) {
    throw new SourceError(
      `'${operator}' works on plain numbers (such as label - $$), not on addresses or registers`,
      column,
    );
  }
  const divides = operator === '/' || operator === '//' || operator === '%' || operator === '%%';
  if (divides && b.unknown && b.n === 0n) return scalar(0n, true);
  return scalar(apply(a.n, b.n), a.unknown || b.unknown);
}

function relation(operator: string, apply: Operator, a: Value, b: Value, column: number): Value {
  // Addresses of one section compare like numbers.
  const difference = subtract(a, b);
  if (isScalar(difference) && !isScalar(a)) return scalar(apply(difference.n, 0n), difference.unknown);
  return scalarOperation(operator, apply, a, b, column);
}

function primary(reader: TokenReader, scope: Scope): Value {
  const token = reader.next('an operand');
  switch (token.kind) {
    case 'number':
      return scalar(token.value as bigint);
    case 'string':
      return scalar(characterConstant(token));
    case 'float':
      throw new SourceError('floating-point numbers can only stand alone, in dd, dq and dt', token.column);
    case 'id': {
      const register = registerNamed(token.text);
      if (register) return termValue(register);
      return scope.symbol(token.text.replace(/^\$/, ''), token.column);
    }
    case 'macroLocal':
    case 'parameter':
    case 'directive':
      throw new SourceError(`'${token.text}' is only known inside a macro`, token.column);
    case 'operator':
      break;
  }
  switch (token.text) {
    case '(': {
      const value = expression(reader, scope);
      reader.expect(')');
      return value;
    }
    case '$':
      return scope.here();
    case '$$':
      return scope.sectionStart();
    case '+':
      return primary(reader, scope);
    case '-':
      return negate(primary(reader, scope));
    case '~':
    case '!': {
      const value = primary(reader, scope);
      if (!isScalar(value))
        throw new SourceError(`'${token.text}' works on plain numbers only`, token.column);
      return scalar(token.text === '~' ? ~value.n : truth(value.n === 0n), value.unknown);
    }
    default:
      throw new SourceError(`expected an operand but found '${token.text}'`, token.column);
  }
}

function product(reader: TokenReader, scope: Scope): Value {
  let value = primary(reader, scope);
  for (;;) {
    const token = reader.peek();
    if (token?.kind !== 'operator') return value;
    const apply = MULTIPLICATIVE[token.text];
    if (token.text !== '*' && apply === undefined) return value;
    reader.at++;
    const right = primary(reader, scope);
    value =
      apply === undefined
        ? multiply(value, right)
        : scalarOperation(token.text, apply, value, right, token.column);
  }
}

function sum(reader: TokenReader, scope: Scope): Value {
  let value = product(reader, scope);
  for (;;) {
    if (reader.accept('+')) value = add(value, product(reader, scope));
    else if (reader.accept('-')) value = subtract(value, product(reader, scope));
    else return value;
  }
}

function binary(reader: TokenReader, scope: Scope, level: number): Value {
  if (level === LEVELS.length) return sum(reader, scope);
  let value = binary(reader, scope, level + 1);
  for (;;) {
    const token = reader.peek();
    const apply = token?.kind === 'operator' ? LEVELS[level][token.text] : undefined;
    if (token === undefined || apply === undefined) return value;
    reader.at++;
    const right = binary(reader, scope, level + 1);
    const evaluate = level === RELATIONS ? relation : scalarOperation;
    value = evaluate(token.text, apply, value, right, token.column);
  }
}

/** Parses and evaluates the expression that starts at the reader's position. */
export function expression(reader: TokenReader, scope: Scope): Value {
  const value = binary(reader, scope, 0);
  if (!reader.acceptWord('?')) return value;
  if (!isScalar(value)) throw new SourceError('the condition of ?: must be a plain number', reader.column());
  const yes = expression(reader, scope);
  reader.expect(':');
  const no = expression(reader, scope);
  return value.n !== 0n ? yes : no;
}
