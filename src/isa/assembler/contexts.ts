/**
 * The context stack (NASM manual, "The Context Stack"): `%push` and `%pop`, and names such as `%$label` that belong
 * to a context. A name becomes an ordinary one with the number of its context.
 */
import type { Token } from './lexer.ts';
import { SourceError } from './types.ts';

interface Context {
  name: string;
  readonly serial: number;
}

export class ContextStack {
  private readonly contexts: Context[] = [];
  private pushed = 0;

  /** The name may be absent. */
  push([name]: readonly Token[]): void {
    this.contexts.push({ name: name?.text ?? '', serial: ++this.pushed });
  }

  /** With a name, it must be the innermost context's. */
  pop([name]: readonly Token[]): void {
    const { name: innermost } = this.at(0, name?.column);
    if (name !== undefined && name.text !== innermost)
      throw new SourceError(`%pop ${name.text}: the innermost context is '${innermost}'`, name.column);
    this.contexts.pop();
  }

  /** `%repl`: another name, the same labels. */
  rename([name]: readonly Token[]): void {
    this.at(0, name?.column).name = name?.text ?? '';
  }

  isInnermost(names: readonly Token[]): boolean {
    const innermost = this.contexts.at(-1)?.name;
    return names.some(({ text }) => text === innermost);
  }

  /** The ordinary name of `%$name`; each further `$` means the context around. */
  resolve({ text, column }: Token): string {
    const depth = text.lastIndexOf('$');
    return `..@$${this.at(depth, column).serial}.${text.slice(depth + 1)}`;
  }

  private at(depth: number, column: number | undefined): Context {
    const context = this.contexts.at(-1 - depth);
    if (context === undefined)
      throw new SourceError(
        this.contexts.length === 0
          ? 'there is no context: %push comes first'
          : 'there are not that many contexts',
        column,
      );
    return context;
  }
}
