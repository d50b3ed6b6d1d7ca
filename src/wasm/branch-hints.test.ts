/** What generated code says of its branches, for engines that heed it. */
import { describe, expect, it } from 'vitest';
import { i32 } from './expression.ts';
import { ModuleBuilder } from './module.ts';

const IF = 0x04;

describe('branch hints', () => {
  const module = new ModuleBuilder();
  module.import('note', { params: ['i32'], results: [] });
  const plain = module.function({ params: [], results: ['i32'] });
  plain.return(i32.const(1));
  const f = module.function({ params: ['i32'], results: ['i32'] });
  const doubled = f.local('i32');
  f.ifUnlikely(f.param(0, 'i32'), () => f.return(i32.const(300)));
  f.if(doubled, () => f.ifLikely(f.param(0, 'i32'), () => f.return(doubled)));
  f.return(i32.const(0));
  f.inPrologue(() => {
    f.set(doubled, i32.add(f.param(0, 'i32'), f.param(0, 'i32')));
    f.ifLikely(doubled, () => f.set(doubled, i32.const(7)));
  });
  module.export('f', f);

  it('name the ifs of a function by their places in its body, those of the prologue first', () => {
    const body = f.finish();
    const hints = f.hints();
    expect(hints.map(({ likely }) => likely)).toEqual([true, false, true]);
    expect(hints.map(({ offset }) => body[offset])).toEqual([IF, IF, IF]);
    expect(hints.map(({ offset }) => offset)).toEqual(
      hints.map(({ offset }) => offset).toSorted((a, b) => a - b),
    );
  });

  it('stand in a section before the code, for the functions that have some', () => {
    const bytes = module.finish(1);
    const [section] = WebAssembly.Module.customSections(
      new WebAssembly.Module(bytes),
      'metadata.code.branch_hint',
    );
    const hints = f.hints().flatMap(({ offset, likely }) => [offset, 1, likely ? 1 : 0]);
    expect([...new Uint8Array(section)]).toEqual([1, f.index, 3, ...hints]);
  });
});
