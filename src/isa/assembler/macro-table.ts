/** The macros defined so far, and the expansion of single-line macros (NASM manual, "Single-Line Macros"). */
import type { Token } from './lexer.ts';
import {
  appendPasting,
  type BodyLine,
  isOperator,
  type MultiLineMacro,
  macroHeader,
  paste,
  type SingleLineMacro,
  splitArguments,
  tokensOf,
} from './macros.ts';
import { SourceError } from './types.ts';

/** NASM's names for the code width (NASM manual, "Standard Macros"), the present one and the older. */
const BITS_MACROS: readonly string[] = ['__?BITS?__', '__BITS__'];

/** Key of a macro that is found however its name is spelled (`%idefine`, `%imacro`). */
const anyCaseKey = (name: string) => `${name.toLowerCase()} (any case)`;

/** The tokens of a text that stands in no file. */
export const tokensOfText = (text: string): readonly Token[] => tokensOf({ file: '', line: 0, text });

export class MacroTable {
  private readonly single = new Map<string, SingleLineMacro>();
  private readonly multi = new Map<string, readonly MultiLineMacro[]>();
  private readonly bits: () => number;

  /** `bits` tells the code width in force, which is the value of `__BITS__`. */
  constructor(bits: () => number) {
    this.bits = bits;
  }

  define(name: string, macro: SingleLineMacro, anyCase = false): void {
    this.single.set(anyCase ? anyCaseKey(name) : name, macro);
  }

  undefine(name: string): void {
    this.single.delete(name);
    this.single.delete(anyCaseKey(name));
  }

  singleNamed(name: string): SingleLineMacro | undefined {
    if (BITS_MACROS.includes(name)) return { parameters: undefined, body: tokensOfText(`${this.bits()}`) };
    return this.single.get(name) ?? this.single.get(anyCaseKey(name));
  }

  /** Macros of one name differ in the number of their parameters. */
  defineMultiLine(header: readonly Token[], body: readonly BodyLine[], anyCase: boolean): void {
    const macro = macroHeader(header, body);
    const key = anyCase ? anyCaseKey(macro.name) : macro.name;
    const others = (this.multi.get(key) ?? []).filter(
      (m) => m.minimum !== macro.minimum || m.maximum !== macro.maximum,
    );
    this.multi.set(key, [...others, macro]);
  }

  undefineMultiLine(name: string): void {
    this.multi.delete(name);
    this.multi.delete(anyCaseKey(name));
  }

  multiLineNamed(name: string): readonly MultiLineMacro[] {
    return this.multi.get(name) ?? this.multi.get(anyCaseKey(name)) ?? [];
  }

  /** Replaces single-line macros, `%[...]` and `%+`. */
  expand(tokens: readonly Token[], hidden: ReadonlySet<string> = new Set()): Token[] {
    const out: Token[] = [];
    let pasteNext = false;
    let glueNext = false;
    const emit = (more: readonly Token[], glue: boolean) => {
      if (pasteNext && out.length > 0 && more.length > 0) {
        const left = out.pop() as Token;
        out.push(...this.expand(paste(left, more[0]), hidden), ...more.slice(1));
      } else appendPasting(out, more, glue);
      pasteNext = false;
    };
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i];
      if (isOperator(token, '%+')) {
        pasteNext = true;
        continue;
      }
      if (isOperator(token, '%[')) {
        const end = matching(tokens, i, '%[', ']', '[');
        emit(
          this.expand(tokens.slice(i + 1, end), hidden).map((t, k) =>
            k === 0 ? { ...t, spaced: token.spaced } : t,
          ),
          !token.spaced,
        );
        i = end;
        glueNext = true;
        continue;
      }
      const macro = token.kind === 'id' && !hidden.has(token.text) ? this.singleNamed(token.text) : undefined;
      const takesArguments = macro?.parameters !== undefined;
      if (macro === undefined || (takesArguments && !isOperator(tokens[i + 1], '('))) {
        emit([token], glueNext && !token.spaced);
        glueNext = false;
        continue;
      }
      let body = macro.body;
      if (macro.parameters !== undefined) {
        const end = matching(tokens, i + 1, '(', ')', '(');
        body = this.bind(macro, macro.parameters, tokens.slice(i + 2, end), token);
        i = end;
      }
      const placed = body.map((t, k) => ({
        ...t,
        column: token.column,
        spaced: k === 0 ? token.spaced : t.spaced,
      }));
      emit(this.expand(placed, new Set(hidden).add(token.text)), false);
      glueNext = false;
    }
    return out;
  }

  private bind(
    macro: SingleLineMacro,
    names: readonly string[],
    tokens: readonly Token[],
    call: Token,
  ): Token[] {
    const given = names.length === 0 && tokens.length === 0 ? [] : splitArguments(tokens, true);
    if (given.length !== names.length) {
      throw new SourceError(
        `macro '${call.text}' takes ${names.length} parameters, not ${given.length}`,
        call.column,
      );
    }
    return macro.body.flatMap((t) => {
      const index = t.kind === 'id' ? names.indexOf(t.text) : -1;
      return index < 0 ? [t] : given[index].map((g, k) => (k === 0 ? { ...g, spaced: t.spaced } : g));
    });
  }
}

/** Index of the bracket that closes the one at `start`. */
export function matching(
  tokens: readonly Token[],
  start: number,
  open: string,
  close: string,
  nested: string,
): number {
  let depth = 0;
  for (let i = start; i < tokens.length; i++) {
    if (isOperator(tokens[i], open) || isOperator(tokens[i], nested)) depth++;
    else if (isOperator(tokens[i], close) && --depth === 0) return i;
  }
  throw new SourceError(`'${close}' is missing`, tokens[start].column);
}
