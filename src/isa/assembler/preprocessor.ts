/**
 * The preprocessor (NASM manual, "The NASM Preprocessor"): runs in step with the assembler, so that
 * `%if ($-$$) > 510` and `%assign here $-$$` see the present location. Modelled: single-line and
 * multi-line macros with %rotate, %assign, conditionals, %rep, %include, the context stack, strings, %error.
 * Not modelled: %use packages, %arg and %local, %depend.
 */
import { Conditions, type Environment } from './conditions.ts';
import { ContextStack } from './contexts.ts';
import { definition } from './definitions.ts';
import { expression, type Scope, TokenReader } from './expression.ts';
import { splitLines, type Token } from './lexer.ts';
import { MacroTable, tokensOfText } from './macro-table.ts';
import { type BodyLine, bindParameters, isOperator, type MacroCall, tokensOf } from './macros.ts';
import { rotate, substitute } from './parameters.ts';
import { type ErrorContext, type Location, SourceError } from './types.ts';
import { isScalar } from './value.ts';

export interface Place {
  /** Where a line stands, or for lines of a macro where the outermost call stands. */
  readonly location: Location;
  /** Column of the outermost call; undefined outside macros. */
  readonly useColumn: number | undefined;
  /** Includes and macros that led here, outermost first. */
  readonly context: readonly ErrorContext[];
}

/** One line for the assembler, free of macros. */
export interface Line extends Place {
  readonly tokens: readonly Token[];
}

export interface PreprocessorOptions {
  readonly includes: Readonly<Record<string, string>>;
  readonly defines: Readonly<Record<string, string>>;
  readonly scope: Scope;
  /** Code width in force at the line being processed, in bits: the value of `__BITS__`. */
  readonly bits: () => number;
  /** The value of `__OUTPUT_FORMAT__`. */
  readonly format: string;
  /** Called for a line that cannot be processed; processing goes on with the next one. */
  readonly report: (error: SourceError, line: Place) => void;
}

const MAX_DEPTH = 64;
const MAX_REPETITIONS = 1_000_000;

/** The file, macro body or repetition that lines come from. */
interface Frame {
  /** Call whose parameters `%1` means; none in files. */
  readonly call: MacroCall | undefined;
  /** Name of the macro whose body this is; undefined in files. */
  readonly macro: string | undefined;
  /** Place of the outermost macro call; undefined outside macros. */
  readonly use: Omit<Place, 'context'> | undefined;
  /** Of the line that calls or includes this. */
  readonly context: readonly ErrorContext[];
  readonly depth: number;
}

/** The place of a line of the frame's body. */
function placeIn({ macro, use, context }: Frame, { file, line }: Location): Place {
  if (macro === undefined) return { location: { file, line }, useColumn: undefined, context };
  return {
    location: use?.location ?? { file, line },
    useColumn: use?.useColumn,
    context: [...context, { kind: 'macro', name: macro, file, line, column: 1 }],
  };
}

class ExitRep extends Error {}

export class Preprocessor implements Environment {
  readonly macros: MacroTable;
  readonly contexts = new ContextStack();
  private readonly options: PreprocessorOptions;
  private readonly files: Map<string, BodyLine[]>;
  private calls = 0;
  private place: Location = { file: '', line: 0 };

  /** `files` keeps tokenized sources from pass to pass. */
  constructor(options: PreprocessorOptions, files: Map<string, BodyLine[]>) {
    this.options = options;
    this.files = files;
    this.macros = new MacroTable((name) => this.standard(name));
    for (const [name, text] of Object.entries(options.defines)) {
      this.macros.define(name, { parameters: undefined, body: tokensOfText(text) });
    }
  }

  /** Standard macros (NASM manual, "Standard Macros"), of the version whose language this is. */
  private standard(name: string): string | undefined {
    switch (name) {
      case 'BITS':
        return `${this.options.bits()}`;
      case 'LINE':
        return `${this.place.line}`;
      case 'FILE':
        return `'${this.place.file}'`;
      case 'OUTPUT_FORMAT':
        return this.options.format;
      case 'NASM_MAJOR':
        return '2';
      case 'NASM_MINOR':
        return '16';
      case 'NASM_VER':
        return "'2.16'";
      default:
        return undefined;
    }
  }

  /** All lines of a source, expanded. */
  *run(file: string, source: string): Generator<Line> {
    const frame = { call: undefined, macro: undefined, use: undefined, context: [], depth: 0 };
    yield* this.lines(this.bodyOf(file, source), frame);
  }

  private bodyOf(file: string, source: string): BodyLine[] {
    let body = this.files.get(file);
    if (body === undefined) {
      body = splitLines(source).map(({ text, line }) => ({ file, line, text }));
      this.files.set(file, body);
    }
    return body;
  }

  number(tokens: readonly Token[], what: string): bigint {
    const reader = new TokenReader(this.macros.expand(tokens));
    if (reader.peek() === undefined) throw new SourceError(`${what} is missing`);
    const value = expression(reader, this.options.scope);
    reader.expectEnd();
    if (value.unknown) {
      throw new SourceError(`${what} must be known at this line: it may not depend on labels further down`);
    }
    if (!isScalar(value)) throw new SourceError(`${what} must be a plain number, not an address`);
    return value.n;
  }

  private *lines(body: readonly BodyLine[], frame: Frame): Generator<Line> {
    if (frame.depth > MAX_DEPTH) {
      throw new SourceError('macros or includes are nested too deeply (does one call itself?)');
    }
    const conditions = new Conditions();
    let place = placeIn(frame, body[0] ?? { file: '', line: 0 });
    for (let at = 0; at < body.length; at++) {
      const { text } = body[at];
      // Inactive lines only matter when they may end the condition.
      if (!conditions.active && !/^\s*%/.test(text)) continue;
      place = placeIn(frame, body[at]);
      this.place = place.location;
      let end = at;
      try {
        const raw = tokensOf(body[at]);
        const tokens = this.withContexts(frame.call ? substitute(raw, frame.call) : raw);
        const [first, ...rest] = tokens;
        if (first?.kind === 'directive') {
          if (conditions.handle(first, rest, this) || !conditions.active) continue;
          end = blockEnd(body, at, first.text);
          yield* this.directive(first, rest, body.slice(at + 1, end), frame, place);
        } else if (first !== undefined && conditions.active) yield* this.statement(tokens, frame, place);
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        this.options.report(error, place);
      }
      at = end;
    }
    if (conditions.open) this.options.report(new SourceError('%if without %endif'), place);
  }

  /** Names of contexts become ordinary ones. */
  private withContexts(tokens: readonly Token[]): readonly Token[] {
    if (!tokens.some(({ kind }) => kind === 'contextLocal')) return tokens;
    return tokens.map((token) =>
      token.kind === 'contextLocal' ? { ...token, kind: 'id', text: this.contexts.resolve(token) } : token,
    );
  }

  private *directive(
    token: Token,
    rest: readonly Token[],
    block: readonly BodyLine[],
    frame: Frame,
    place: Place,
  ): Generator<Line> {
    switch (token.text) {
      case '%macro':
      case '%imacro':
        this.macros.defineMultiLine(rest, block, token.text === '%imacro');
        return;
      case '%rep':
        yield* this.repeat(rest, block, frame);
        return;
      case '%rotate':
        if (frame.call === undefined) throw new SourceError('%rotate outside a macro', token.column);
        rotate(frame.call, Number(this.number(rest, 'the count of %rotate')));
        return;
      case '%exitrep':
        throw new ExitRep();
      case '%include':
        yield* this.include(token, rest, frame, place);
        return;
      default:
        definition(token, rest, this);
    }
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

  private *include(token: Token, rest: readonly Token[], frame: Frame, place: Place): Generator<Line> {
    const { includes } = this.options;
    const [name] = this.macros.expand(rest);
    if (name?.kind !== 'string') throw new SourceError('%include needs a file name in quotes');
    if (!Object.hasOwn(includes, name.text)) {
      const known = Object.keys(includes).join(', ');
      const hint = known ? ` (there are: ${known})` : '';
      throw new SourceError(`there is no file '${name.text}' to include${hint}`, name.column);
    }
    const body = this.bodyOf(name.text, includes[name.text]);
    const at = place.context.at(-1)?.kind === 'macro' ? place.context.at(-1) : place.location;
    const { file, line } = at as Location;
    yield* this.lines(body, {
      call: undefined,
      macro: undefined,
      use: undefined,
      context: [...place.context, { kind: 'include', name: name.text, file, line, column: token.column }],
      depth: frame.depth + 1,
    });
  }

  /** Tokens of the label in front; without a colon it is one only before a macro. */
  private labelLength([first, second]: readonly Token[]): number {
    if (isOperator(second, ':')) return 2;
    const named = (token: Token | undefined) =>
      token?.kind === 'id' && this.macros.multiLineNamed(token.text).length > 0;
    return first?.kind === 'id' && !named(first) && named(second) ? 1 : 0;
  }

  /** A line of the assembler, or a call of a multi-line macro. */
  private *statement(tokens: readonly Token[], frame: Frame, place: Place): Generator<Line> {
    const expanded = this.macros.expand(tokens);
    const start = this.labelLength(expanded);
    const name = expanded[start];
    const macros = name?.kind === 'id' ? this.macros.multiLineNamed(name.text) : [];
    if (macros.length === 0 || isOperator(expanded[start + 1], ':')) {
      yield { tokens: expanded, ...place };
      return;
    }
    for (const macro of macros) {
      const parameters = bindParameters(macro, expanded.slice(start + 1));
      if (parameters === undefined) continue;
      const label = start > 0 ? expanded.slice(0, start) : [];
      // A macro that uses `%00` puts the label where it wants it.
      const takesLabel = macro.body.some(({ text }) => text.includes('%00'));
      if (label.length > 0 && !takesLabel) yield { tokens: label, ...place };
      yield* this.lines(macro.body, {
        call: { parameters, serial: ++this.calls, label: label.slice(0, 1) },
        macro: macro.name,
        use: { location: place.location, useColumn: place.useColumn ?? name.column },
        context: place.context,
        depth: frame.depth + 1,
      });
      return;
    }
    // What looked like a label may be an instruction with an operand of that name.
    if (start === 1) {
      yield { tokens: expanded, ...place };
      return;
    }
    throw new SourceError(`macro '${name.text}' does not take this number of parameters`, name.column);
  }
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
