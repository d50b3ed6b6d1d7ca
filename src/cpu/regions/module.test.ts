/** What the modules of regions import decides whether they can ever be dropped. */
import { afterEach, expect, it, vi } from 'vitest';
import { LockstepMachine } from '../testing/lockstep-machine.ts';
import { layOut } from '../testing/random-program.ts';
import { programOf } from '../testing/random-program-generator.ts';

afterEach(() => vi.unstubAllGlobals());

it('imports no table: a table keeps every instance that imports it', () => {
  const machine = new LockstepMachine('forced');
  const modules: WebAssembly.Module[] = [];
  class Watched extends WebAssembly.Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      modules.push(this);
    }
  }
  vi.stubGlobal('WebAssembly', { ...PARTS, Module: Watched });
  for (let number = 0; number < 10; number++) {
    const program = programOf(1, number);
    machine.load(program, layOut(program));
    for (const slice of program.slices) machine.run(slice);
  }
  const imports = modules.flatMap((module) => WebAssembly.Module.imports(module));
  expect(modules.length).toBeGreaterThan(10);
  expect(new Set(imports.map(({ kind }) => kind))).toEqual(new Set(['memory', 'function']));
  // Instructions that the interpreter has to carry out are among them.
  expect(imports.map(({ name }) => name)).toContain('callHandler');
});

/** What else the regions use; the properties of the namespace object are not enumerable. */
const PARTS = {
  Instance: WebAssembly.Instance,
  Memory: WebAssembly.Memory,
  Table: WebAssembly.Table,
};
