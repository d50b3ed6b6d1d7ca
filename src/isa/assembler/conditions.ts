/** `%if` and its kin (NASM manual, "Conditional Assembly"). */

import type { ContextStack } from './contexts.ts';
import type { Token } from './lexer.ts';
import type { MacroTable } from './macro-table.ts';
import { splitArguments } from './macros.ts';
import { SourceError } from './types.ts';

/** What directives of the preprocessor can ask. */
export interface Environment {
  readonly macros: MacroTable;
  readonly contexts: ContextStack;
  /** Value of a constant expression; `what` names it in messages. */
  number(tokens: readonly Token[], what: string): bigint;
}

type Test = (environment: Environment, tokens: readonly Token[]) => boolean;

function sameText({ macros }: Environment, tokens: readonly Token[], fold: boolean): boolean {
  const parts = splitArguments(macros.expand(tokens), true);
  if (parts.length !== 2) throw new SourceError('two operands are compared: %ifidn a, b');
  const [a, b] = parts.map((part) => part.map((t) => `${t.kind === 'string' ? '"' : ''}${t.text}`).join(' '));
  return fold ? a.toLowerCase() === b.toLowerCase() : a === b;
}

const firstKind =
  (kind: Token['kind']): Test =>
  ({ macros }, tokens) =>
    macros.expand(tokens)[0]?.kind === kind;

/** Conditions by what follows `%if` and `%elif`; each exists with `n` for its opposite. */
const TESTS: Readonly<Record<string, Test>> = {
  '': (environment, tokens) => environment.number(tokens, 'the condition') !== 0n,
  def: ({ macros }, tokens) => tokens.length > 0 && macros.singleNamed(tokens[0].text).length > 0,
  macro: ({ macros }, tokens) => macros.hasMultiLine(tokens),
  ctx: ({ contexts }, tokens) => contexts.isInnermost(tokens),
  idn: (environment, tokens) => sameText(environment, tokens, false),
  idni: (environment, tokens) => sameText(environment, tokens, true),
  num: firstKind('number'),
  str: firstKind('string'),
  id: firstKind('id'),
  token: ({ macros }, tokens) => macros.expand(tokens).length === 1,
  empty: ({ macros }, tokens) => macros.expand(tokens).length === 0,
};

function testNamed(name: string): { test: Test; negated: boolean } | undefined {
  if (Object.hasOwn(TESTS, name)) return { test: TESTS[name], negated: false };
  const positive = name.replace(/^n/, '');
  return name.startsWith('n') && Object.hasOwn(TESTS, positive)
    ? { test: TESTS[positive], negated: true }
    : undefined;
}

/** State of one %if: its lines are active now; a branch was taken already, or never may be. */
interface Level {
  active: boolean;
  taken: boolean;
}

/** The %ifs that enclose the present line of a file or macro body. */
export class Conditions {
  private readonly levels: Level[] = [];

  /** Lines are processed at present. */
  get active(): boolean {
    return this.levels.every((l) => l.active);
  }

  get open(): boolean {
    return this.levels.length > 0;
  }

  /** Handles %if.., %elif.., %else and %endif; false for other directives. */
  handle(token: Token, rest: readonly Token[], environment: Environment): boolean {
    const m = /^%(if|elif)(\w*)$/.exec(token.text);
    if (m?.[1] === 'if') this.enter(this.test(token, m[2], rest, environment));
    else if (m) this.elseIf(this.innermost(token), this.test(token, m[2], rest, environment));
    else if (token.text === '%else') this.elseIf(this.innermost(token), () => true);
    else if (token.text === '%endif') {
      this.innermost(token);
      this.levels.pop();
    } else return false;
    return true;
  }

  private innermost(token: Token): Level {
    const level = this.levels.at(-1);
    if (level === undefined) throw new SourceError(`${token.text} without %if`, token.column);
    return level;
  }

  private test(token: Token, name: string, rest: readonly Token[], environment: Environment): () => boolean {
    const named = testNamed(name);
    if (named === undefined) throw new SourceError(`unknown condition ${token.text}`, token.column);
    return () => named.test(environment, rest) !== named.negated;
  }

  private enter(test: () => boolean): void {
    const outer = this.active;
    const level = { active: false, taken: !outer };
    this.levels.push(level); // before the test, so that an error in it still pairs with %endif
    if (outer) level.active = level.taken = test();
  }

  private elseIf(level: Level, test: () => boolean): void {
    level.active = !level.taken && test();
    level.taken ||= level.active;
  }
}
