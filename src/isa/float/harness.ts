/** Test support: a module with the given library functions alone, over a memory of one CPU block. */
import { type Expression, i32, type ValueType } from '../../wasm/expression.ts';
import { type Callee, call } from '../../wasm/function.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import type { LibraryFunction, LibraryUser } from '../definition.ts';

export interface LibraryModule {
  /** Calls a function, without the state argument (which is 0). */
  call(fn: LibraryFunction, ...args: (number | bigint)[]): number | bigint;
  readonly view: DataView;
}

export function libraryModule(functions: readonly LibraryFunction[]): LibraryModule {
  const module = new ModuleBuilder();
  const built = new Map<LibraryFunction, Callee>();
  const user: LibraryUser = {
    library<T extends ValueType>(fn: LibraryFunction<T>, ...args: Expression[]): Expression<T> {
      return call(fn.result, build(fn), i32.const(0), ...args);
    },
    helper: () => {
      throw new Error('library functions under test have no helpers');
    },
  };
  function build(fn: LibraryFunction): Callee {
    const found = built.get(fn);
    if (found) return found;
    const f = module.function({ params: ['i32', ...fn.params], results: [fn.result] });
    built.set(fn, f);
    fn.build(f, user);
    return f;
  }
  for (const [i, fn] of functions.entries()) module.export(`f${i}`, build(fn));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish(1)), { env: { memory } });
  return {
    call: (fn, ...args) => {
      const f = instance.exports[`f${functions.indexOf(fn)}`] as WebAssembly.Function;
      return f(0, ...args);
    },
    view: new DataView(memory.buffer),
  };
}
