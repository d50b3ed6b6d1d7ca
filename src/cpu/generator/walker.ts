/**
 * The page walker of generated code: what follows a TLB miss that needs nothing but ordinary RAM.
 *
 *   fillRead(state, address, bytes) -> host address, or 0
 *
 * 0 says that nothing was done because the access needs more than that: it faults, crosses a page, goes to
 * memory-mapped I/O, to decoded code, or to where something watches or checks it.
 */
import type { LibraryFunction } from '../../isa/definition.ts';
import { i32 } from '../../wasm/expression.ts';

const fill = (name: string): LibraryFunction<'i32'> => ({
  name,
  params: ['i64', 'i32'],
  result: 'i32',
  build: (f) => f.return(i32.const(0)),
});

export const FILL_READ = fill('fillRead');
export const FILL_WRITE = fill('fillWrite');
