/**
 * Splits one source line into tokens (NASM manual, "Layout of a NASM Source Line", "Constants").
 * Comments are dropped; line continuation is joined by `splitLines` beforehand.
 */
import { SourceError } from './types.ts';

export type TokenKind =
  | 'id'
  | 'number'
  | 'float'
  | 'string'
  | 'operator'
  | 'directive'
  | 'parameter'
  | 'macroLocal'
  | 'contextLocal';

export interface Token {
  readonly kind: TokenKind;
  /** Source text; for strings their contents, one character per byte. */
  readonly text: string;
  /** Value of a `number`. */
  readonly value?: bigint;
  /** Column of the first character, from 1. */
  readonly column: number;
  /** White space stands before the token. */
  readonly spaced: boolean;
}

/** A line after joining continuations (`\` at its end); `line` is the number of its first part. */
export interface SourceLine {
  readonly text: string;
  readonly line: number;
}

export function splitLines(source: string): SourceLine[] {
  const result: SourceLine[] = [];
  const lines = source.split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1;
    let text = lines[i];
    while (text.endsWith('\\') && i + 1 < lines.length) text = text.slice(0, -1) + lines[++i];
    result.push({ text, line });
  }
  return result;
}

const IDENTIFIER = /\$?[A-Za-z_.?@][\w.?@$~#]*/y;
const NUMBER = /\$?\d[\w.]*(?:(?:(?<=[eE])(?<!0[xXhH]\w*)|(?<=0[xX][\w.]*[pP]))[+-]\d+)?/y;
const OPERATOR =
  /%\[|<<<|>>>|<=>|<<|>>|==|!=|<>|<=|>=|&&|\|\||\^\^|\/\/|%%|%\+|\$\$|[-+*/%~!^&|<>=(),:[\]{}?$]/y;
const DIRECTIVE = /%[A-Za-z_]\w*/y;
/** `%1`, `%{1}`, `%{2:-1}` for several, `%+1` and `%-1` for a condition code and its opposite. */
const PARAMETER = /%(?:[-+]?\d+|\{(?:[-+]?\d+|-?\d+:-?\d+)\})/y;
const CONTEXT_LOCAL = /%\$+[A-Za-z_.?@][\w.?@$~#]*/y;
const MACRO_LOCAL = /%(?:%[A-Za-z_][\w.?@$~#]*|\{%[A-Za-z_][\w.?@$~#]*\})/y;

const RADIX_PREFIX: Readonly<Record<string, number>> = { x: 16, h: 16, b: 2, y: 2, o: 8, q: 8, d: 10, t: 10 };
const DIGITS: Readonly<Record<number, RegExp>> = {
  2: /^[01]+$/,
  8: /^[0-7]+$/,
  10: /^\d+$/,
  16: /^[\da-fA-F]+$/,
};
const LITERAL_PREFIX: Readonly<Record<number, string>> = { 2: '0b', 8: '0o', 10: '', 16: '0x' };

/** Reads the text of a number in any of NASM's spellings; undefined when it is none of them. */
export function parseInteger(text: string): bigint | undefined {
  const plain = text.replaceAll('_', '');
  const attempt = (digits: string, radix: number) =>
    DIGITS[radix].test(digits) ? BigInt(LITERAL_PREFIX[radix] + digits) : undefined;
  if (plain.startsWith('$')) return attempt(plain.slice(1), 16);
  const prefix = /^0([a-zA-Z])(.+)$/.exec(plain);
  const prefixRadix = prefix && RADIX_PREFIX[prefix[1].toLowerCase()];
  // `0b1h` is hexadecimal: a suffix that makes sense wins over the prefix only for h.
  if (prefix && prefixRadix && !/^0[bd][\da-f]*h$/i.test(plain)) {
    const value = attempt(prefix[2], prefixRadix);
    if (value !== undefined) return value;
  }
  const suffixRadix = RADIX_PREFIX[plain.slice(-1).toLowerCase()];
  if (suffixRadix) return attempt(plain.slice(0, -1), suffixRadix);
  return attempt(plain, 10);
}

const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  e: 27,
  "'": 39,
  '"': 34,
  '`': 96,
  '\\': 92,
  '?': 63,
};

/** A string as one character per byte of its UTF-8 form. */
function toByteString(text: string): string {
  return encodeURIComponent(text).replace(/%([\dA-F]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Contents of a back-quoted string, whose escapes are those of C. */
function unescapeBody(body: string, column: number): string {
  const pattern = /\\(?:x([\da-fA-F]{1,2})|([0-7]{1,3})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gsu;
  let result = '';
  let last = 0;
  for (const m of body.matchAll(pattern)) {
    result += toByteString(body.slice(last, m.index));
    last = m.index + m[0].length;
    if (m[1] !== undefined) result += String.fromCharCode(Number.parseInt(m[1], 16));
    else if (m[2] !== undefined) result += String.fromCharCode(Number.parseInt(m[2], 8) & 0xff);
    else if (m[3] !== undefined) result += toByteString(String.fromCodePoint(Number.parseInt(m[3], 16)));
    else if (m[4] !== undefined) result += toByteString(String.fromCodePoint(Number.parseInt(m[4], 16)));
    else if (ESCAPES[m[5]] !== undefined) result += String.fromCharCode(ESCAPES[m[5]]);
    else throw new SourceError(`unknown escape \\${m[5]} in a back-quoted string`, column);
  }
  return result + toByteString(body.slice(last));
}

/** End index (of the closing quote) of the string that starts at `start`. */
function closingQuote(text: string, start: number): number {
  const quote = text[start];
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\' && quote === '`') i++;
    else if (text[i] === quote) return i;
  }
  throw new SourceError('the string is not closed on this line', start + 1);
}

type Contents = Pick<Token, 'kind' | 'text' | 'value'>;

const withoutMarks = (source: string) => source.replace(/[%{}]/g, '');
const FLOAT =
  /^(?:\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?|0[xX][\da-fA-F_]+(?:\.[\da-fA-F_]*)?(?:[pP][+-]?\d+)?)$/;

function number(source: string, column: number): Contents {
  const value = parseInteger(source);
  if (value !== undefined) return { kind: 'number', text: source, value };
  if (FLOAT.test(source)) return { kind: 'float', text: source };
  throw new SourceError(`'${source}' is not a number`, column);
}

/** What a token can be, in the order tried. */
const RULES: readonly (readonly [RegExp, (source: string, column: number) => Contents])[] = [
  [NUMBER, number],
  [IDENTIFIER, (text) => ({ kind: 'id', text })],
  [CONTEXT_LOCAL, (source) => ({ kind: 'contextLocal', text: source.slice(1) })],
  [PARAMETER, (source) => ({ kind: 'parameter', text: withoutMarks(source) })],
  [MACRO_LOCAL, (source) => ({ kind: 'macroLocal', text: withoutMarks(source) })],
  [DIRECTIVE, (source) => ({ kind: 'directive', text: source.toLowerCase() })],
  [OPERATOR, (text) => ({ kind: 'operator', text })],
];

interface Piece {
  readonly length: number;
  readonly contents: Contents;
}

function stringAt(text: string, at: number): Piece {
  const end = closingQuote(text, at) + 1;
  const body = text.slice(at + 1, end - 1);
  const contents = text[at] === '`' ? unescapeBody(body, at + 1) : toByteString(body);
  return { length: end - at, contents: { kind: 'string', text: contents } };
}

function pieceAt(text: string, at: number): Piece {
  if (/["'`]/.test(text[at])) return stringAt(text, at);
  for (const [pattern, contents] of RULES) {
    pattern.lastIndex = at;
    const source = pattern.exec(text)?.[0];
    if (source !== undefined) return { length: source.length, contents: contents(source, at + 1) };
  }
  throw new SourceError(`unexpected character '${text[at]}'`, at + 1);
}

/** Tokens of one line. Throws SourceError for characters and numbers that mean nothing. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let spaced = false;
  while (at < text.length && text[at] !== ';') {
    if (/\s/.test(text[at])) {
      spaced = true;
      at++;
      continue;
    }
    const { length, contents } = pieceAt(text, at);
    tokens.push({ ...contents, column: at + 1, spaced });
    at += length;
    spaced = false;
  }
  return tokens;
}
