/** Every vector instruction is built once into a module, which the engine validates: opcodes and operand types. */
import { expect, test } from 'vitest';
import { type Expression, f32, f64, i32, i64, type V128, type ValueType } from './expression.ts';
import { ModuleBuilder } from './module.ts';
import { f32x4, f64x2, i8x16, i16x8, i32x4, i64x2, low, v128 } from './simd.ts';

const vector = i32x4.const(1, 2, 3, 4);
const address = i32.const(0);

/** The number that goes into a lane of each shape. */
const SCALARS: Record<string, Expression> = {
  i8x16: i32.const(1),
  i16x8: i32.const(1),
  i32x4: i32.const(1),
  i64x2: i64.const(1),
  f32x4: f32.const(1),
  f64x2: f64.const(1),
};

/** Operands by the kind of instruction that a name tells. */
function operandsOf(shape: string, name: string, count: number): unknown[] {
  if (name === 'const') return shape === 'i64x2' ? [1n, 2n] : [1, 2];
  if (name === 'splat') return [SCALARS[shape]];
  if (name === 'shuffle') return [vector, vector, Array.from({ length: 16 }, (_, i) => 31 - i)];
  if (name.startsWith('extract_lane')) return [vector, 1];
  if (name.startsWith('replace_lane')) return [vector, 1, SCALARS[shape]];
  if (/^sh[lr]/.test(name)) return [vector, i32.const(3)];
  if (/^load\d+_lane/.test(name)) return [address, vector, 1, 8];
  if (name.startsWith('load')) return [address, 8];
  return Array.from({ length: count }, () => vector);
}

type Instruction = (...operands: unknown[]) => Expression<ValueType>;

function bytesOf(expression: Expression<ValueType>): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const f = module.function({ params: [], results: [expression.type] });
  f.return(expression);
  f.unreachable();
  return module.finish(1);
}

test.each(Object.entries({ v128, i8x16, i16x8, i32x4, i64x2, f32x4, f64x2 }))('%s', (shape, instructions) => {
  for (const [name, instruction] of Object.entries(instructions)) {
    const build = instruction as unknown as Instruction;
    const bytes = bytesOf(build(...operandsOf(shape, name, build.length)));
    expect(WebAssembly.validate(bytes), `${shape}.${name}`).toBe(true);
  }
});

test('no two instructions share an opcode', () => {
  const seen = new Map<string, string>();
  for (const [shape, instructions] of Object.entries({ v128, i8x16, i16x8, i32x4, i64x2, f32x4, f64x2 })) {
    for (const [name, instruction] of Object.entries(instructions)) {
      if (name === 'const') continue;
      const build = instruction as unknown as Instruction;
      const bytes = bytesOf(build(...operandsOf(shape, name, build.length)));
      // The opcode and its immediates end the function: FD, number, ..., return, unreachable, end.
      const key = bytes.slice(bytes.lastIndexOf(0xfd)).join(' ');
      expect(seen.get(key), `${shape}.${name}`).toBeUndefined();
      seen.set(key, `${shape}.${name}`);
    }
  }
});

test('low puts a number into lane 0 and clears the others', () => {
  const module = new ModuleBuilder();
  const f = module.function({ params: [], results: ['i32'] });
  const lanes = (v: V128) => [0, 1, 2, 3].map((lane) => i32x4.extract_lane(v, lane));
  const weighted = (v: V128, weight: number) =>
    lanes(v).map((lane, i) => i32.mul(lane, i32.const(weight * 10 ** i)));
  const terms = [...weighted(low.i32(i32.const(7)), 1), ...weighted(low.i64(i64.const(3n << 32n)), 1)];
  f.return(terms.reduce((a, b) => i32.add(a, b)));
  f.unreachable();
  module.export('f', f);
  const memory = new WebAssembly.Memory({ initial: 0, maximum: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish(1)), { env: { memory } });
  expect((instance.exports.f as () => number)()).toBe(37);
});
