/** Directives of the preprocessor that take one line: definitions and messages. */
import type { Environment } from './conditions.ts';
import type { Token } from './lexer.ts';
import { matching, tokensOfText } from './macro-table.ts';
import { isOperator, splitArguments } from './macros.ts';
import { SourceError } from './types.ts';

/** A directive with what follows it. */
interface Statement {
  readonly token: Token;
  readonly rest: readonly Token[];
  readonly environment: Environment;
}

/** The name being defined, and the tokens behind it. */
function named({ token, rest }: Statement): { name: string; body: readonly Token[] } {
  if (rest[0]?.kind !== 'id') throw new SourceError(`${token.text} needs a name`, token.column);
  return { name: rest[0].text, body: rest.slice(1) };
}

/** True for `%idefine`, `%iassign` and so on: the name is found in any case. */
const anyCase = ({ token }: Statement) => token.text.startsWith('%i');

function define(s: Statement): void {
  const { macros } = s.environment;
  const { name, body } = named(s);
  const expandNow = s.token.text.includes('x');
  const contents = (tokens: readonly Token[]) => (expandNow ? macros.expand(tokens) : tokens);
  if (!isOperator(body[0], '(') || body[0].spaced) {
    macros.define(name, { parameters: undefined, body: contents(body) }, anyCase(s));
    return;
  }
  const end = matching(body, 0, '(', ')', '(');
  const parameters = end === 1 ? [] : splitArguments(body.slice(1, end), false).map((p) => p[0]?.text ?? '');
  macros.define(name, { parameters, body: contents(body.slice(end + 1)) }, anyCase(s));
}

function defineNumber(s: Statement, value: bigint): void {
  const body = tokensOfText(value < 0n ? `(${value})` : `${value}`);
  s.environment.macros.define(named(s).name, { parameters: undefined, body }, anyCase(s));
}

function defineString(s: Statement, text: string): void {
  const body: Token[] = [{ kind: 'string', text, column: s.token.column, spaced: true }];
  s.environment.macros.define(named(s).name, { parameters: undefined, body }, anyCase(s));
}

function stringIn({ environment }: Statement, tokens: readonly Token[]): string {
  const [token] = environment.macros.expand(tokens);
  if (token?.kind !== 'string') throw new SourceError('a string is expected');
  return token.text;
}

/** `%substr name "text" first [, count]`: characters count from 1, a negative count from the end. */
function substring(s: Statement): void {
  const body = s.environment.macros.expand(named(s).body);
  const text = stringIn(s, body.slice(0, 1));
  const numbers = splitArguments(body.slice(1), true);
  const [first, count] = numbers.map((n) => Number(s.environment.number(n, 'a position of %substr')));
  const end = count === undefined ? first : count < 0 ? text.length + count + 1 : first + count - 1;
  defineString(s, text.slice(first - 1, end));
}

/** `%strcat name "a", "b"` */
function concatenate(s: Statement): void {
  const parts = splitArguments(s.environment.macros.expand(named(s).body), true);
  defineString(s, parts.map((part) => stringIn(s, part)).join(''));
}

/** `%deftok name "text"`: the text as tokens. */
function defineTokens(s: Statement): void {
  const body = tokensOfText(stringIn(s, named(s).body));
  s.environment.macros.define(named(s).name, { parameters: undefined, body }, anyCase(s));
}

function textOf(tokens: readonly Token[]): string {
  return tokens.map((t, i) => (i > 0 && t.spaced ? ' ' : '') + t.text).join('');
}

function stop({ token, rest, environment }: Statement): never {
  throw new SourceError(textOf(environment.macros.expand(rest)) || token.text, token.column);
}

const assign = (s: Statement) => defineNumber(s, s.environment.number(named(s).body, 'the value of %assign'));
const ignore = () => {};

const TABLE: Readonly<Record<string, (s: Statement) => void>> = {
  '%define': define,
  '%idefine': define,
  '%xdefine': define,
  '%ixdefine': define,
  '%assign': assign,
  '%iassign': assign,
  '%undef': (s) => s.environment.macros.undefine(named(s).name),
  '%defstr': (s) => defineString(s, textOf(s.environment.macros.expand(named(s).body))),
  '%strlen': (s) => defineNumber(s, BigInt(stringIn(s, named(s).body).length)),
  '%substr': substring,
  '%strcat': concatenate,
  '%deftok': defineTokens,
  '%ideftok': defineTokens,
  '%push': ({ rest, environment }) => environment.contexts.push(rest),
  '%pop': ({ rest, environment }) => environment.contexts.pop(rest),
  '%repl': ({ rest, environment }) => environment.contexts.rename(rest),
  '%clear': ({ environment }) => environment.macros.clear(),
  '%unmacro': ({ rest, environment }) => environment.macros.undefineMultiLine(rest),
  '%unimacro': ({ rest, environment }) => environment.macros.undefineMultiLine(rest),
  '%use': ({ token }) => {
    throw new SourceError("%use: NASM's packages are not here", token.column);
  },
  '%error': stop,
  '%fatal': stop,
  '%warning': ignore,
  '%note': ignore,
  '%pragma': ignore,
  '%line': ignore,
};

/** Carries out a directive of one line. Throws SourceError for unknown ones. */
export function definition(token: Token, rest: readonly Token[], environment: Environment): void {
  if (!Object.hasOwn(TABLE, token.text)) {
    throw new SourceError(`unknown preprocessor directive ${token.text}`, token.column);
  }
  TABLE[token.text]({ token, rest, environment });
}
