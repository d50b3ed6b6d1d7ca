/**
 * The preprocessor (NASM manual, "The NASM Preprocessor"): runs in step with the assembler, so that
 * `%if ($-$$) > 510` and `%assign here $-$$` see the present location. Modelled: single-line and
 * multi-line macros, %assign, conditionals, %rep, %include, %error, %strlen, %substr, %defstr.
 * Not modelled: the context stack (%push), %use packages, %rotate.
 */
import { expression, type Scope, TokenReader } from './expression.ts';
import { splitLines, type Token } from './lexer.ts';
import {
  appendPasting,
  type BodyLine,
  bindParameters,
  isOperator,
  type MacroCall,
  type MultiLineMacro,
  macroHeader,
  paste,
  type SingleLineMacro,
  splitArguments,
  substitute,
  tokensOf,
} from './macros.ts';
import { registerNamed } from './registers.ts';
import { type Location, SourceError } from './types.ts';
import { isScalar } from './value.ts';

/** One line for the assembler, free of macros. */
export interface Line {
  readonly tokens: readonly Token[];
  /** Where it stands, or for lines of a macro where the outermost call stands. */
  readonly location: Location;
  /** Names of the macros being expanded, outermost first. */
  readonly macros: readonly string[];
}

export interface PreprocessorOptions {
  readonly includes: Readonly<Record<string, string>>;
  readonly defines: Readonly<Record<string, string>>;
  readonly scope: Scope;
  /** Code width in force at the line being processed, in bits: the value of `__BITS__`. */
  readonly bits: () => number;
  /** Called for a line that cannot be processed; processing goes on with the next one. */
  readonly report: (error: SourceError, line: Pick<Line, 'location' | 'macros'>) => void;
}

/** NASM's names for the code width (NASM manual, "Standard Macros"), the present one and the older. */
const BITS_MACROS: readonly string[] = ['__?BITS?__', '__BITS__'];
const MAX_DEPTH = 64;
const MAX_REPETITIONS = 1_000_000;

interface Frame {
  /** Call whose parameters `%1` means; none in files. */
  readonly call: MacroCall | undefined;
  readonly location: Location | undefined;
  readonly macros: readonly string[];
  readonly depth: number;
}

/** State of one %if: lines are active, a branch was taken already, or an outer condition is false. */
interface Condition {
  active: boolean;
  taken: boolean;
  readonly outer: boolean;
}

class ExitRep extends Error {}

type Test = (p: Preprocessor, tokens: readonly Token[]) => boolean;

const sameText = (p: Preprocessor, tokens: readonly Token[], fold: boolean): boolean => {
  const parts = splitArguments(p.expand(tokens), true);
  if (parts.length !== 2) throw new SourceError('two operands are compared: %ifidn a, b');
  const [a, b] = parts.map((part) => part.map((t) => `${t.kind === 'string' ? '"' : ''}${t.text}`).join(' '));
  return fold ? a.toLowerCase() === b.toLowerCase() : a === b;
};
const firstKind =
  (kind: Token['kind']): Test =>
  (p, tokens) =>
    p.expand(tokens)[0]?.kind === kind;

/** Conditions by what follows `%if` and `%elif`; each exists with `n` for its opposite. */
const TESTS: Readonly<Record<string, Test>> = {
  '': (p, tokens) => p.number(tokens, 'the condition') !== 0n,
  def: (p, tokens) => tokens.length > 0 && p.isDefined(tokens[0].text),
  macro: (p, tokens) => tokens.length > 0 && p.isMacro(tokens[0].text),
  idn: (p, tokens) => sameText(p, tokens, false),
  idni: (p, tokens) => sameText(p, tokens, true),
  num: firstKind('number'),
  str: firstKind('string'),
  id: (p, tokens) => {
    const [first] = p.expand(tokens);
    return first?.kind === 'id' && registerNamed(first.text) === undefined;
  },
  empty: (p, tokens) => p.expand(tokens).length === 0,
};

function testNamed(name: string): { test: Test; negated: boolean } | undefined {
  if (Object.hasOwn(TESTS, name)) return { test: TESTS[name], negated: false };
  const positive = name.replace(/^n/, '');
  return name.startsWith('n') && Object.hasOwn(TESTS, positive)
    ? { test: TESTS[positive], negated: true }
    : undefined;
}

export class Preprocessor {
  private readonly options: PreprocessorOptions;
  private readonly single = new Map<string, SingleLineMacro>();
  private readonly multi = new Map<string, MultiLineMacro[]>();
  private readonly files: Map<string, BodyLine[]>;
  private serial = 0;

  /** `files` keeps tokenized sources from pass to pass. */
  constructor(options: PreprocessorOptions, files: Map<string, BodyLine[]>) {
    this.options = options;
    this.files = files;
    for (const [name, text] of Object.entries(options.defines)) {
      this.single.set(name, { parameters: undefined, body: tokensOf({ file: '', line: 0, text }) });
    }
  }

  /** All lines of a source, expanded. */
  *run(file: string, source: string): Generator<Line> {
    yield* this.lines(this.bodyOf(file, source), {
      call: undefined,
      location: undefined,
      macros: [],
      depth: 0,
    });
  }

  private bodyOf(file: string, source: string): BodyLine[] {
    let body = this.files.get(file);
    if (body === undefined) {
      body = splitLines(source).map(({ text, line }) => ({ file, line, text }));
      this.files.set(file, body);
    }
    return body;
  }

  isDefined(name: string): boolean {
    return (
      BITS_MACROS.includes(name) ||
      this.single.has(name) ||
      this.single.has(name.toLowerCase().concat(' (any case)'))
    );
  }

  isMacro(name: string): boolean {
    return this.macrosNamed(name).length > 0;
  }

  private macrosNamed(name: string): readonly MultiLineMacro[] {
    return this.multi.get(name) ?? this.multi.get(`${name.toLowerCase()} (any case)`) ?? [];
  }

  private singleNamed(name: string): SingleLineMacro | undefined {
    if (BITS_MACROS.includes(name)) {
      return { parameters: undefined, body: tokensOf({ file: '', line: 0, text: `${this.options.bits()}` }) };
    }
    return this.single.get(name) ?? this.single.get(`${name.toLowerCase()} (any case)`);
  }

  /** Value of a constant expression of the preprocessor. */
  number(tokens: readonly Token[], what: string): bigint {
    const reader = new TokenReader(this.expand(tokens));
    if (reader.peek() === undefined) throw new SourceError(`${what} is missing`);
    const value = expression(reader, this.options.scope);
    reader.expectEnd();
    if (value.unknown)
      throw new SourceError(`${what} must be known at this line: it may not depend on labels further down`);
    if (!isScalar(value)) throw new SourceError(`${what} must be a plain number, not an address`);
    return value.n;
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

  private *lines(body: readonly BodyLine[], frame: Frame): Generator<Line> {
    if (frame.depth > MAX_DEPTH)
      throw new SourceError('macros or includes are nested too deeply (does one call itself?)');
    const conditions: Condition[] = [];
    for (let at = 0; at < body.length; at++) {
      const source = body[at];
      const place = {
        location: frame.location ?? { file: source.file, line: source.line },
        macros: frame.macros,
      };
      const active = conditions.every((c) => c.active);
      let end = at;
      try {
        const raw = active || /^\s*%/.test(source.text) ? tokensOf(source) : [];
        const tokens = frame.call ? substitute(raw, frame.call) : raw;
        const first = tokens[0];
        if (first?.kind === 'directive') {
          const rest = tokens.slice(1);
          if (this.conditional(first, rest, conditions)) continue;
          if (!active) continue;
          end = blockEnd(body, at, first.text);
          if (first.text === '%macro' || first.text === '%imacro')
            this.defineMulti(rest, body.slice(at + 1, end), first.text === '%imacro');
          else if (first.text === '%rep') yield* this.repeat(rest, body.slice(at + 1, end), frame);
          else if (first.text === '%include') yield* this.include(rest, frame);
          else if (first.text === '%exitrep') throw new ExitRep();
          else this.directive(first, rest);
        } else if (active && tokens.length > 0) yield* this.statement(tokens, frame, place);
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        this.options.report(error, place);
      }
      at = end;
    }
    if (conditions.length > 0) {
      const last = body.at(-1) as BodyLine;
      const location = frame.location ?? { file: last.file, line: last.line };
      this.options.report(new SourceError('%if without %endif'), { location, macros: frame.macros });
    }
  }

  /** Handles %if, %elif, %else and %endif; false for other directives. */
  private conditional(token: Token, rest: readonly Token[], conditions: Condition[]): boolean {
    const m = /^%(if|elif)(\w*)$/.exec(token.text);
    const innermost = conditions.at(-1);
    if (m) {
      const named = testNamed(m[2]);
      if (named === undefined) throw new SourceError(`unknown condition ${token.text}`, token.column);
      const evaluate = () => named.test(this, rest) !== named.negated;
      if (m[1] === 'if') {
        const outer = conditions.every((c) => c.active);
        const condition: Condition = { active: false, taken: !outer, outer };
        conditions.push(condition);
        if (outer) condition.active = condition.taken = evaluate();
      } else {
        if (!innermost) throw new SourceError('%elif without %if', token.column);
        innermost.active = !innermost.taken && evaluate();
        innermost.taken ||= innermost.active;
      }
      return true;
    }
    if (token.text === '%else') {
      if (!innermost) throw new SourceError('%else without %if', token.column);
      innermost.active = !innermost.taken;
      innermost.taken = true;
      return true;
    }
    if (token.text !== '%endif') return false;
    if (!conditions.pop()) throw new SourceError('%endif without %if', token.column);
    return true;
  }

  private defineMulti(header: readonly Token[], body: readonly BodyLine[], anyCase: boolean): void {
    const macro = macroHeader(header, body);
    const key = anyCase ? `${macro.name.toLowerCase()} (any case)` : macro.name;
    const same = this.multi.get(key) ?? [];
    this.multi.set(key, [
      ...same.filter((m) => m.minimum !== macro.minimum || m.maximum !== macro.maximum),
      macro,
    ]);
  }

  private *repeat(rest: readonly Token[], body: readonly BodyLine[], frame: Frame): Generator<Line> {
    const count = this.number(rest, 'the count of %rep');
    if (count > MAX_REPETITIONS)
      throw new SourceError(`%rep ${count} is too much (at most ${MAX_REPETITIONS})`);
    try {
      for (let i = 0n; i < count; i++) yield* this.lines(body, { ...frame, depth: frame.depth + 1 });
    } catch (error) {
      if (!(error instanceof ExitRep)) throw error;
    }
  }

  private *include(rest: readonly Token[], frame: Frame): Generator<Line> {
    const [name] = this.expand(rest);
    if (name?.kind !== 'string') throw new SourceError('%include needs a file name in quotes');
    if (!Object.hasOwn(this.options.includes, name.text)) {
      const known = Object.keys(this.options.includes);
      throw new SourceError(
        `there is no file '${name.text}' to include${known.length ? ` (there are: ${known.join(', ')})` : ''}`,
        name.column,
      );
    }
    const body = this.bodyOf(name.text, this.options.includes[name.text]);
    yield* this.lines(body, {
      call: undefined,
      location: frame.location,
      macros: frame.macros,
      depth: frame.depth + 1,
    });
  }

  private defineSingle(name: Token, macro: SingleLineMacro, anyCase: boolean): void {
    this.single.set(anyCase ? `${name.text.toLowerCase()} (any case)` : name.text, macro);
  }

  private directive(token: Token, rest: readonly Token[]): void {
    const anyCase = token.text.startsWith('%i');
    const name = rest[0];
    const body = rest.slice(1);
    const need = () => {
      if (name?.kind !== 'id') throw new SourceError(`${token.text} needs a name`, token.column);
      return name;
    };
    const constant = (value: bigint) => {
      const text = value < 0n ? `(${value})` : `${value}`;
      this.defineSingle(
        need(),
        { parameters: undefined, body: tokensOf({ file: '', line: 0, text }) },
        anyCase,
      );
    };
    switch (token.text) {
      case '%define':
      case '%idefine':
      case '%xdefine':
      case '%ixdefine': {
        const expandNow = token.text.includes('x');
        if (isOperator(body[0], '(') && !body[0].spaced) {
          const end = matching(body, 0, '(', ')', '(');
          const parameters =
            end === 1 ? [] : splitArguments(body.slice(1, end), false).map((p) => p[0]?.text ?? '');
          const contents = body.slice(end + 1);
          this.defineSingle(
            need(),
            { parameters, body: expandNow ? this.expand(contents) : contents },
            anyCase,
          );
        } else
          this.defineSingle(
            need(),
            { parameters: undefined, body: expandNow ? this.expand(body) : body },
            anyCase,
          );
        return;
      }
      case '%assign':
      case '%iassign':
        constant(this.number(body, 'the value of %assign'));
        return;
      case '%undef':
        this.single.delete(need().text);
        this.single.delete(`${need().text.toLowerCase()} (any case)`);
        return;
      case '%defstr': {
        const text = this.expand(body)
          .map((t, i) => (i > 0 && t.spaced ? ' ' : '') + t.text)
          .join('');
        this.defineSingle(
          need(),
          { parameters: undefined, body: [{ kind: 'string', text, column: token.column, spaced: true }] },
          anyCase,
        );
        return;
      }
      case '%strlen':
        constant(BigInt(this.string(body).length));
        return;
      case '%substr': {
        const expanded = this.expand(body);
        const text = this.string(expanded.slice(0, 1));
        const [start, length] = splitArguments(expanded.slice(1), true).map((part) =>
          Number(this.number(part, 'a position of %substr')),
        );
        const end = length === undefined ? start : length < 0 ? text.length + length + 1 : start + length - 1;
        this.defineSingle(
          need(),
          {
            parameters: undefined,
            body: [{ kind: 'string', text: text.slice(start - 1, end), column: token.column, spaced: true }],
          },
          anyCase,
        );
        return;
      }
      case '%unmacro':
      case '%unimacro':
        this.multi.delete(need().text);
        return;
      case '%error':
      case '%fatal':
        throw new SourceError(
          this.expand(rest)
            .map((t) => t.text)
            .join(' ') || token.text,
          token.column,
        );
      case '%warning':
      case '%note':
      case '%pragma':
      case '%line':
        return;
      default:
        throw new SourceError(`unknown preprocessor directive ${token.text}`, token.column);
    }
  }

  private string(tokens: readonly Token[]): string {
    const [token] = this.expand(tokens);
    if (token?.kind !== 'string') throw new SourceError('a string is expected');
    return token.text;
  }

  private *statement(
    tokens: readonly Token[],
    frame: Frame,
    place: Pick<Line, 'location' | 'macros'>,
  ): Generator<Line> {
    const expanded = this.expand(tokens);
    const labelled = isOperator(expanded[1], ':') ? 2 : 0;
    const name = expanded[labelled];
    const macros = name?.kind === 'id' ? this.macrosNamed(name.text) : [];
    if (macros.length === 0 || isOperator(expanded[labelled + 1], ':')) {
      yield { tokens: expanded, ...place };
      return;
    }
    const call = expanded.slice(labelled + 1);
    for (const macro of macros) {
      const parameters = bindParameters(macro, call);
      if (parameters === undefined) continue;
      if (labelled) yield { tokens: expanded.slice(0, labelled), ...place };
      yield* this.lines(macro.body, {
        call: { parameters, serial: ++this.serial },
        location: place.location,
        macros: [...frame.macros, macro.name],
        depth: frame.depth + 1,
      });
      return;
    }
    throw new SourceError(`macro '${name.text}' does not take this number of parameters`, name.column);
  }
}

/** Index of the bracket that closes the one at `start`. */
function matching(
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

/** Index of the line that ends a %macro or %rep block; the line itself for other directives. */
function blockEnd(body: readonly BodyLine[], start: number, opening: string): number {
  const rep = opening === '%rep';
  if (!rep && opening !== '%macro' && opening !== '%imacro') return start;
  const begins = rep ? /^\s*%rep\b/i : /^\s*%i?macro\b/i;
  const ends = rep ? /^\s*%endrep\b/i : /^\s*%endm(acro)?\b/i;
  let depth = 0;
  for (let i = start; i < body.length; i++) {
    if (begins.test(body[i].text)) depth++;
    else if (ends.test(body[i].text) && --depth === 0) return i;
  }
  throw new SourceError(`${opening} is not closed by ${rep ? '%endrep' : '%endmacro'}`);
}
