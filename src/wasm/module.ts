/** Puts functions, imports and one table together to the bytes of a WebAssembly module. */
import { Code } from './code.ts';
import { TYPE_BYTE } from './expression.ts';
import { type Callee, FunctionBuilder, type Signature } from './function.ts';

interface Import extends Callee {
  readonly module: string;
  readonly name: string;
}

export class ModuleBuilder {
  private readonly types: Signature[] = [];
  private readonly imports: Import[] = [];
  private readonly functions: FunctionBuilder[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private table: readonly Callee[] = [];

  /** Index of a function type, made on first use. */
  type(signature: Signature): number {
    const key = JSON.stringify(signature);
    const found = this.types.findIndex((t) => JSON.stringify(t) === key);
    return found >= 0 ? found : this.types.push(signature) - 1;
  }

  /** All imports come before the first function. The memory is always imported as env.memory. */
  import(name: string, signature: Signature): Callee {
    if (this.functions.length > 0) throw new Error('imports come before functions');
    const entry = { module: 'env', name, signature, index: this.imports.length };
    this.imports.push(entry);
    return entry;
  }

  function(signature: Signature): FunctionBuilder {
    const f = new FunctionBuilder(this.imports.length + this.functions.length, signature);
    this.functions.push(f);
    return f;
  }

  export(name: string, f: Callee): void {
    this.exports.push({ name, index: f.index });
  }

  /** The contents of table 0, for `callIndirect`. */
  setTable(functions: readonly Callee[]): void {
    this.table = functions;
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
    section(out, 2, [undefined, ...this.imports], (c, entry, i) => {
      c.name(entry?.module ?? 'env');
      c.name(entry?.name ?? 'memory');
      if (entry) {
        c.byte(0);
        c.u32(importTypes[i - 1]);
      } else {
        c.byte(2);
        c.byte(1);
        c.u32(0);
        c.u32(maximumPages);
      }
    });
    section(out, 3, typeIndices, (c, index) => c.u32(index));
    if (this.table.length > 0) {
      section(out, 4, [this.table.length], (c, size) => {
        c.byte(0x70);
        c.byte(0);
        c.u32(size);
      });
    }
    section(out, 7, this.exports, (c, e) => {
      c.name(e.name);
      c.byte(0);
      c.u32(e.index);
    });
    if (this.table.length > 0) {
      section(out, 9, [this.table], (c, functions) => {
        c.byte(0);
        c.byte(0x41);
        c.i32(0);
        c.byte(0x0b);
        c.u32(functions.length);
        for (const f of functions) c.u32(f.index);
      });
    }
    section(out, 10, this.functions, (c, f) => {
      const body = f.finish();
      c.u32(body.length);
      c.append(body);
    });
    return out.bytes.slice();
  }
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
