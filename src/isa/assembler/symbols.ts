/** The symbol table over the passes of the assembler. */
import { SourceError } from './types.ts';
import { scalar, type Value } from './value.ts';

interface SymbolEntry {
  value: Value;
  /** Pass that defined it last. */
  pass: number;
}

export class SymbolTable {
  private readonly entries = new Map<string, SymbolEntry>();
  private pass = 0;
  /** The value of some symbol differs from the pass before. */
  changed = false;

  beginPass(): void {
    this.pass++;
    this.changed = false;
  }

  define(name: string, value: Value, column: number): void {
    const entry = this.entries.get(name);
    if (entry?.pass === this.pass) throw new SourceError(`symbol '${name}' is defined twice`, column);
    if (
      entry === undefined ||
      entry.value.n !== value.n ||
      entry.value.unknown !== value.unknown ||
      !sameTerms(entry.value, value)
    )
      this.changed = true;
    if (entry) Object.assign(entry, { value, pass: this.pass });
    else this.entries.set(name, { value, pass: this.pass });
  }

  /** Value in this pass, else in the one before; a guess in the first pass. Throws for unknown symbols later on. */
  lookup(name: string, column: number): Value {
    const entry = this.entries.get(name);
    if (entry !== undefined && entry.pass >= this.pass - 1) return entry.value;
    if (this.pass === 1) return scalar(0n, true);
    throw new SourceError(`symbol '${name}' is not defined`, column);
  }

  /** True when the symbol was defined above the present line. */
  isDefined(name: string): boolean {
    return this.entries.get(name)?.pass === this.pass;
  }

  *all(): Generator<[string, Value]> {
    for (const [name, entry] of this.entries) if (entry.pass === this.pass) yield [name, entry.value];
  }
}

function sameTerms(a: Value, b: Value): boolean {
  if (a.terms.size !== b.terms.size) return false;
  for (const [term, count] of a.terms) if (b.terms.get(term) !== count) return false;
  return true;
}
