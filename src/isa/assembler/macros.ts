/** Single-line and multi-line macros: their definitions and the substitution of parameters. */
import type { Token } from './lexer.ts';
import { parseInteger, tokenize } from './lexer.ts';
import { SourceError } from './types.ts';

/** A line inside a file or macro body, tokenized when first used. */
export interface BodyLine {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  tokens?: readonly Token[];
}

export function tokensOf(line: BodyLine): readonly Token[] {
  line.tokens ??= tokenize(line.text);
  return line.tokens;
}

export interface SingleLineMacro {
  /** undefined for macros without a parameter list. */
  readonly parameters: readonly string[] | undefined;
  readonly body: readonly Token[];
}

export interface MultiLineMacro {
  readonly name: string;
  readonly minimum: number;
  /** Infinity for `*`. */
  readonly maximum: number;
  /** The last parameter takes the rest of the line (`+`). */
  readonly greedy: boolean;
  readonly defaults: readonly (readonly Token[])[];
  readonly body: readonly BodyLine[];
}

export const isOperator = (token: Token | undefined, text: string): boolean =>
  token?.kind === 'operator' && token.text === text;

/** Splits at commas outside braces, and outside parentheses when asked. Braces around an argument are removed. */
export function splitArguments(tokens: readonly Token[], respectParentheses: boolean): Token[][] {
  const result: Token[][] = [[]];
  let braces = 0;
  let parentheses = 0;
  for (const token of tokens) {
    if (isOperator(token, '{') && braces++ === 0) continue;
    if (isOperator(token, '}') && --braces === 0) continue;
    if (isOperator(token, '(')) parentheses++;
    if (isOperator(token, ')')) parentheses--;
    if (braces === 0 && (parentheses === 0 || !respectParentheses) && isOperator(token, ',')) result.push([]);
    else (result.at(-1) as Token[]).push(token);
  }
  if (braces !== 0) throw new SourceError('braces do not match');
  return result;
}

/** Joins two tokens' texts into one and reads it anew. */
export function paste(left: Token, right: Token): Token[] {
  return tokenize(left.text + right.text).map((t) => ({ ...t, column: left.column, spaced: left.spaced }));
}

const pastes = (token: Token | undefined) => token?.kind === 'id' || token?.kind === 'number';

/** Appends; when `glue` is set the seam becomes one token (`isr%1` with 7 is `isr7`). */
export function appendPasting(out: Token[], tokens: readonly Token[], glue: boolean): void {
  const last = out.at(-1);
  const first = tokens[0];
  if (glue && last !== undefined && first !== undefined && pastes(last) && pastes(first)) {
    out.pop();
    out.push(...paste(last, first), ...tokens.slice(1));
  } else out.push(...tokens);
}

export interface MacroCall {
  /** `%rotate` changes their order. */
  parameters: readonly (readonly Token[])[];
  /** Number of the expansion, for `%%local` labels. */
  readonly serial: number;
  /** The label before the call: `%00`. */
  readonly label: readonly Token[];
}

/** Reads `name 1-3+ default, default` behind %macro. */
export function macroHeader(tokens: readonly Token[], body: readonly BodyLine[]): MultiLineMacro {
  const name = tokens[0];
  const count = tokens[1];
  if (name?.kind !== 'id' || count?.kind !== 'number')
    throw new SourceError('%macro needs a name and a number of parameters', name?.column);
  const minimum = Number(parseInteger(count.text));
  let at = 2;
  let maximum = minimum;
  if (isOperator(tokens[at], '-')) {
    const upper = tokens[at + 1];
    if (isOperator(upper, '*')) maximum = Number.POSITIVE_INFINITY;
    else if (upper?.kind === 'number') maximum = Number(upper.value);
    else throw new SourceError('expected the largest number of parameters after -', count.column);
    at += 2;
  }
  const greedy = isOperator(tokens[at], '+');
  if (greedy) at++;
  if (tokens[at]?.text.toLowerCase() === '.nolist') at++;
  const rest = tokens.slice(at);
  const defaults = rest.length === 0 ? [] : splitArguments(rest, false);
  return { name: name.text, minimum, maximum, greedy, defaults, body };
}

/** The parameters of a call, with defaults filled in; undefined when their number does not fit. */
export function bindParameters(macro: MultiLineMacro, tokens: readonly Token[]): Token[][] | undefined {
  let given = tokens.length === 0 ? [] : splitArguments(tokens, false);
  if (macro.greedy && given.length > macro.maximum) {
    // Cut the token list itself, so that commas and braces of the tail stay.
    let commas = 0;
    const cut = tokens.findIndex((t) => isOperator(t, ',') && ++commas === macro.maximum - 1);
    given = [...given.slice(0, macro.maximum - 1), tokens.slice(macro.maximum === 1 ? 0 : cut + 1)];
  }
  if (given.length < macro.minimum || given.length > macro.maximum) return undefined;
  const wanted = Number.isFinite(macro.maximum) ? macro.maximum : macro.minimum + macro.defaults.length;
  const result = [...given];
  for (let i = result.length; i < wanted; i++) result.push([...(macro.defaults[i - macro.minimum] ?? [])]);
  return result;
}
