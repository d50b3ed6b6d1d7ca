/** What the generated functions share: imports, library functions and table slots of one interpreter module. */
import type { LibraryFunction, LibraryUser } from '../../isa/definition.ts';
import type { Expression, I32, ValueType } from '../../wasm/expression.ts';
import { type Callee, call } from '../../wasm/function.ts';
import type { ModuleBuilder } from '../../wasm/module.ts';

/** Functions that TypeScript gives to the module. Addresses in halves: see docs/decisions on i64 arguments. */
export const IMPORTS = {
  /** (segment, addressLow, addressHigh, bytes) -> host address, 0 after a fault */
  readMiss: 4,
  /** (segment, addressLow, addressHigh, bytes, modify) -> host address, 0 after a fault */
  writeMiss: 5,
  /** () completes the write that was put together in SCRATCH */
  commitSlow: 0,
  /** (record) -> status */
  system: 1,
  /** (record, number of the system operation) -> status: the same for a record of another instruction */
  systemNumbered: 2,
  /** (record, its page's table): a region that begins there is wanted */
  hot: 2,
  /** (record): the range that a region looks up at the record's instruction lies in two pages */
  straddles: 1,
} as const;

/** Those that return nothing. */
const STATEMENTS: readonly string[] = ['commitSlow', 'hot', 'straddles'];

export class Environment implements LibraryUser {
  readonly module: ModuleBuilder;
  readonly imports: Record<keyof typeof IMPORTS, Callee>;
  /** Named helpers with i32 or f64 arguments, imported on top. */
  private readonly helpers: Record<string, Callee>;
  private readonly names = new Set<string>();
  private readonly library_ = new Map<LibraryFunction, Callee>();

  constructor(module: ModuleBuilder, helperSignatures: Record<string, readonly ValueType[]>) {
    this.module = module;
    this.imports = Object.fromEntries(
      Object.entries(IMPORTS).map(([name, count]) => [
        name,
        module.import(name, {
          params: Array.from({ length: count }, () => 'i32' as const),
          results: STATEMENTS.includes(name) ? [] : ['i32'],
        }),
      ]),
    ) as Record<keyof typeof IMPORTS, Callee>;
    this.helpers = Object.fromEntries(
      Object.entries(helperSignatures).map(([name, params]) => [
        name,
        module.import(name, { params, results: ['i32'] }),
      ]),
    );
  }

  /** The module's copy of a library function, built and exported under its name on first use. */
  function(fn: LibraryFunction): Callee {
    let callee = this.library_.get(fn);
    if (!callee) {
      if (this.names.has(fn.name)) throw new Error(`two library functions named ${fn.name}`);
      this.names.add(fn.name);
      const f = this.module.function({ params: ['i32', ...fn.params], results: [fn.result] });
      this.module.export(fn.name, f);
      this.library_.set(fn, f);
      fn.build(f, this);
      callee = f;
    }
    return callee;
  }

  /** Within a library function or an instruction: the CPU block is local 0 in both. */
  library<T extends ValueType>(fn: LibraryFunction<T>, ...args: Expression<ValueType>[]): Expression<T> {
    return call(fn.result, this.function(fn), STATE_PARAMETER, ...args);
  }

  helper(name: string, ...args: Expression<ValueType>[]): I32 {
    const callee = this.helpers[name];
    if (!callee) throw new Error(`no helper named ${name}`);
    return call('i32', callee, ...args);
  }
}

/** Local 0 of every generated function: the address of the CPU block. */
export const STATE_PARAMETER: I32 = {
  type: 'i32',
  emit: (code) => {
    code.byte(0x20);
    code.u32(0);
  },
};
