/** The module that a batch of regions is compiled to: imports only what they use, by the interpreter's export names. */
import type { LibraryFunction, LibraryUser } from '../../isa/definition.ts';
import type { Expression, I32, ValueType } from '../../wasm/expression.ts';
import { type Callee, call, type FunctionBuilder } from '../../wasm/function.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { BRANCH_FROM_REGION, CALL_HANDLER, REQUEST_REGION, RETRY_IN_REGION } from '../generator/branch.ts';
import { STATE_PARAMETER } from '../generator/environment.ts';
import type { Shared } from '../generator/form.ts';
import { memoryFunctions } from '../generator/memory.ts';
import { SYSTEM_OPERATION } from '../generator/transfers.ts';
import { HELPERS } from '../helpers.ts';
import type { Import } from './warm-up.ts';

/** Pages of 64 KiB that a linear memory may have: 4 GiB. */
const MAXIMUM_PAGES = 65536;

export class RegionEnvironment implements LibraryUser {
  /** (CPU block, record) -> status: the record's outlined handler. */
  readonly handler: Callee;
  /** (CPU block, target) -> what a region returns */
  readonly branches: { readonly flat: Callee; readonly segmented: Callee };
  /** (CPU block, record) -> status: `systemOperation` */
  readonly system: Callee;
  /** (CPU block, address, access, record) -> what a region returns: `retryInRegion` */
  readonly retry: Callee;
  /** (CPU block, record): `requestRegion` */
  readonly request: Callee;
  readonly shared: Shared;
  private readonly module = new ModuleBuilder();
  private readonly imports = new Map<string, Callee>();
  private entries = 0;

  constructor() {
    this.handler = this.import(CALL_HANDLER, ['i32', 'i32'], 'i32');
    const branch = (name: string) => this.import(name, ['i32', 'i64'], 'i32');
    this.branches = {
      flat: branch(BRANCH_FROM_REGION.flat),
      segmented: branch(BRANCH_FROM_REGION.segmented),
    };
    this.system = this.import(SYSTEM_OPERATION, ['i32', 'i32'], 'i32');
    this.retry = this.import(RETRY_IN_REGION, ['i32', 'i64', 'i32', 'i32'], 'i32');
    this.request = this.import(REQUEST_REGION, ['i32', 'i32'], 'i32');
    this.shared = { environment: this, memory: memoryFunctions() };
  }

  /** Adds a region. @returns the name of its export */
  add(f: FunctionBuilder): string {
    const name = `region${this.entries++}`;
    this.module.entry(name, f);
    return name;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.module.finish(MAXIMUM_PAGES);
  }

  /** The imported functions, by index. */
  get imported(): Import[] {
    return [...this.imports].map(([name, { signature }]) => ({ name, signature }));
  }

  library<T extends ValueType>(fn: LibraryFunction<T>, ...args: Expression<ValueType>[]): Expression<T> {
    const callee = this.import(fn.name, ['i32', ...fn.params], fn.result);
    return call(fn.result, callee, STATE_PARAMETER, ...args);
  }

  helper(name: string, ...args: Expression<ValueType>[]): I32 {
    return call('i32', this.import(name, HELPERS[name as keyof typeof HELPERS], 'i32'), ...args);
  }

  private import(name: string, params: readonly ValueType[], result: ValueType): Callee {
    let callee = this.imports.get(name);
    if (!callee) {
      callee = this.module.import(name, { params, results: [result] });
      this.imports.set(name, callee);
    }
    return callee;
  }
}
