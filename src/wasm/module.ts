/** Puts functions, imports and tables together to the bytes of a WebAssembly module. */
import { Code } from './code.ts';
import { TYPE_BYTE } from './expression.ts';
import { type Callee, FunctionBuilder, type Signature } from './function.ts';

interface Import extends Callee {
  readonly name: string;
}

export class ModuleBuilder {
  private readonly types: Signature[] = [];
  private readonly imports: Import[] = [];
  private readonly functions: FunctionBuilder[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private readonly tables: string[] = [];
  private table: { name: string; functions: readonly Callee[] } | undefined;
  private hasCallableFunctions = false;

  /** Index of a function type, made on first use. */
  type(signature: Signature): number {
    const key = JSON.stringify(signature);
    const found = this.types.findIndex((t) => JSON.stringify(t) === key);
    return found >= 0 ? found : this.types.push(signature) - 1;
  }

  /** All imports come before the first function. The memory is always imported as env.memory. */
  import(name: string, signature: Signature): Callee {
    if (this.hasCallableFunctions) throw new Error('imports come before functions');
    const entry = { name, signature, index: this.imports.length };
    this.imports.push(entry);
    return entry;
  }

  /** Imports env.<name>, a table of functions. @returns the table's index */
  importTable(name: string): number {
    if (this.table) throw new Error('imported tables come before the own one');
    return this.tables.push(name) - 1;
  }

  /** A function that other functions may call. */
  function(signature: Signature): FunctionBuilder {
    this.hasCallableFunctions = true;
    const f = new FunctionBuilder(this.imports.length + this.functions.length, signature);
    this.functions.push(f);
    return f;
  }

  /** Exports a function that none of the module calls, and whose index is not known yet: imports may still follow. */
  entry(name: string, f: FunctionBuilder): void {
    this.exports.push({ name, index: -1 - this.functions.length });
    this.functions.push(f);
  }

  export(name: string, f: Callee): void {
    this.exports.push({ name, index: f.index });
  }

  /** Makes a table of functions and exports it. @returns its index */
  exportTable(name: string, functions: readonly Callee[]): number {
    this.table = { name, functions };
    return this.tables.length;
  }

  /** @param maximumPages of the imported memory (64 KiB each). */
  finish(maximumPages: number): Uint8Array<ArrayBuffer> {
    const typeIndices = this.functions.map((f) => this.type(f.signature));
    const importTypes = this.imports.map((i) => this.type(i.signature));
    const out = new Code();
    out.append(new Uint8Array([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    section(out, 1, this.types, (c, t) => {
      c.byte(0x60);
      c.u32(t.params.length);
      for (const p of t.params) c.byte(TYPE_BYTE[p]);
      c.u32(t.results.length);
      for (const r of t.results) c.byte(TYPE_BYTE[r]);
    });
    const imported: ((c: Code) => void)[] = [
      (c) => {
        importName(c, 'memory', KIND.MEMORY);
        c.byte(1);
        c.u32(0);
        c.u32(maximumPages);
      },
      ...this.tables.map((name) => (c: Code) => {
        importName(c, name, KIND.TABLE);
        c.byte(FUNCTION_REFERENCE);
        c.byte(0);
        c.u32(0);
      }),
      ...this.imports.map((entry, i) => (c: Code) => {
        importName(c, entry.name, KIND.FUNCTION);
        c.u32(importTypes[i]);
      }),
    ];
    section(out, 2, imported, (c, write) => write(c));
    section(out, 3, typeIndices, (c, index) => c.u32(index));
    const { table } = this;
    if (table) {
      section(out, 4, [table.functions.length], (c, size) => {
        c.byte(FUNCTION_REFERENCE);
        c.byte(0);
        c.u32(size);
      });
    }
    const exported: ((c: Code) => void)[] = this.exports.map(({ name, index }) => (c: Code) => {
      c.name(name);
      c.byte(KIND.FUNCTION);
      c.u32(index < 0 ? this.imports.length - 1 - index : index);
    });
    if (table) {
      exported.push((c) => {
        c.name(table.name);
        c.byte(KIND.TABLE);
        c.u32(this.tables.length);
      });
    }
    section(out, 7, exported, (c, write) => write(c));
    if (table) {
      section(out, 9, [table.functions], (c, functions) => {
        // Active, in a table by number, offset 0, function indices.
        c.byte(2);
        c.u32(this.tables.length);
        c.byte(0x41);
        c.i32(0);
        c.byte(0x0b);
        c.byte(0);
        c.u32(functions.length);
        for (const f of functions) c.u32(f.index);
      });
    }
    this.branchHints(out);
    section(out, 10, this.functions, (c, f) => {
      const body = f.finish();
      c.u32(body.length);
      c.append(body);
    });
    return out.bytes.slice();
  }

  /** The custom section of the branch hinting proposal: engines that do not know it pass over it. */
  private branchHints(out: Code): void {
    const body = new Code();
    body.name('metadata.code.branch_hint');
    const hinted = this.functions
      .map((f, i) => ({ index: this.imports.length + i, hints: f.hints() }))
      .filter(({ hints }) => hints.length > 0);
    if (hinted.length === 0) return;
    body.u32(hinted.length);
    for (const { index, hints } of hinted) {
      body.u32(index);
      body.u32(hints.length);
      for (const { offset, likely } of hints) {
        body.u32(offset);
        body.u32(1);
        body.byte(likely ? 1 : 0);
      }
    }
    out.byte(0);
    out.u32(body.length);
    out.append(body.bytes);
  }
}

/** Kinds of imports and exports. */
const KIND = { FUNCTION: 0, TABLE: 1, MEMORY: 2 } as const;
const FUNCTION_REFERENCE = 0x70;

function importName(c: Code, name: string, kind: number): void {
  c.name('env');
  c.name(name);
  c.byte(kind);
}

function section<T>(
  out: Code,
  id: number,
  items: readonly T[],
  write: (c: Code, item: T, i: number) => void,
): void {
  const body = new Code();
  body.u32(items.length);
  for (const [i, item] of items.entries()) write(body, item, i);
  out.byte(id);
  out.u32(body.length);
  out.append(body.bytes);
}
