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

/** How NASM spells the names of its own macros: the present way and the older one. */
const STANDARD = /^__(?:\?(\w+)\?|([A-Z]\w*))__$/;

/** Key of a macro that is found however its name is spelled (`%idefine`, `%imacro`). */
const anyCaseKey = (name: string) => `${name.toLowerCase()} (any case)`;

/** The tokens of a text that stands in no file. */
export const tokensOfText = (text: string): readonly Token[] => tokensOf({ file: '', line: 0, text });

export class MacroTable {
  /** Macros of one name differ in the number of their parameters. */
  private readonly single = new Map<string, readonly SingleLineMacro[]>();
  private readonly multi = new Map<string, readonly MultiLineMacro[]>();
  private readonly standard: (name: string) => string | undefined;

  /** `standard` tells the present value of a standard macro, by its name without underscores. */
  constructor(standard: (name: string) => string | undefined) {
    this.standard = standard;
  }

  define(name: string, macro: SingleLineMacro, anyCase = false): void {
    const key = anyCase ? anyCaseKey(name) : name;
    const count = macro.parameters?.length;
    const others = (this.single.get(key) ?? []).filter(
      ({ parameters }) => parameters !== undefined && count !== undefined && parameters.length !== count,
    );
    this.single.set(key, [macro, ...others]);
  }

  undefine(name: string): void {
    this.single.delete(name);
    this.single.delete(anyCaseKey(name));
  }

  /** The macros of that name, the latest first. */
  singleNamed(name: string): readonly SingleLineMacro[] {
    const [, present, older] = STANDARD.exec(name) ?? [];
    const value = this.standard(present ?? older ?? '');
    if (value !== undefined) return [{ parameters: undefined, body: tokensOfText(value) }];
    return this.single.get(name) ?? this.single.get(anyCaseKey(name)) ?? [];
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

  /** By a header, `name 1-3`: the macro of that name that takes as many parameters. */
  undefineMultiLine(header: readonly Token[]): void {
    const { name, minimum, maximum } = macroHeader(header, []);
    for (const key of [name, anyCaseKey(name)]) {
      const others = this.multi.get(key)?.filter((m) => m.minimum !== minimum || m.maximum !== maximum);
      if (others !== undefined) this.multi.set(key, others);
    }
  }

  /** Whether there is a macro like the header, `name 1-3`; `name` alone: any of that name. */
  hasMultiLine(header: readonly Token[]): boolean {
    if (header.length === 0) return false;
    const macros = this.multiLineNamed(header[0].text);
    if (header.length === 1) return macros.length > 0;
    const { minimum, maximum } = macroHeader(header, []);
    return macros.some((m) => m.minimum <= maximum && m.maximum >= minimum);
  }

  clear(): void {
    this.single.clear();
    this.multi.clear();
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
      const macros = token.kind === 'id' && !hidden.has(token.text) ? this.singleNamed(token.text) : [];
      const [macro] = macros;
      const takesArguments = macro?.parameters !== undefined;
      if (macro === undefined || (takesArguments && !isOperator(tokens[i + 1], '('))) {
        emit([token], glueNext && !token.spaced);
        glueNext = false;
        continue;
      }
      let body = macro.body;
      if (macro.parameters !== undefined) {
        const end = matching(tokens, i + 1, '(', ')', '(');
        body = this.bind(macros, tokens.slice(i + 2, end), token);
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

  private bind(macros: readonly SingleLineMacro[], tokens: readonly Token[], call: Token): Token[] {
    const split = splitArguments(tokens, true);
    const count = ({ parameters = [] }: SingleLineMacro) => parameters.length;
    const macro =
      macros.find((one) => count(one) === split.length) ??
      macros.find((one) => count(one) === 0 && tokens.length === 0);
    if (macro === undefined) {
      const counts = macros.map(count).join(' or ');
      throw new SourceError(
        `macro '${call.text}' takes ${counts} parameters, not ${split.length}`,
        call.column,
      );
    }
    const names = macro.parameters ?? [];
    const given = names.length === 0 ? [] : split;
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
