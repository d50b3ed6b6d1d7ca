import { describe, expect, test } from 'vitest';
import { Code } from './code.ts';
import { choose, type Expression, f32, f64, i32, i64, opcode, select, type ValueType } from './expression.ts';
import { call, FunctionBuilder, STORE } from './function.ts';
import { opcodeName } from './opcode-names.ts';
import { f32x4, f64x2, i8x16, i16x8, i32x4, i64x2, v128 } from './simd.ts';
import { WasmTextError, wasmLines, wasmText } from './text.ts';

/** An operand that emits nothing, and that reads as any immediate: lane 0, offset 0, a pattern of 16 lanes. */
const operand = Object.assign(
  Array.from({ length: 16 }, () => 0),
  { type: 'i32' as ValueType, emit: () => undefined },
);

/** Code of an encoder's function whose operands emit nothing. */
function bytesOf(build: (...operands: unknown[]) => Expression): Uint8Array {
  const code = new Code();
  const isVectorConstant = build.length === 0;
  const args = isVectorConstant ? [] : Array.from({ length: build.length }, () => operand);
  build(...args).emit(code);
  return code.bytes.slice();
}

/** A body without locals around `code`. */
const body = (...code: number[]): Uint8Array => Uint8Array.of(0, ...code, 0x0b);

const TABLES = { i32, i64, f32, f64, v128, i8x16, i16x8, i32x4, i64x2, f32x4, f64x2 };
const instructions = Object.entries(TABLES).flatMap(([type, table]) =>
  Object.entries(table)
    .filter(([name]) => name !== 'const')
    .map(([name, build]) => ({ name: `${type}.${name}`, build: build as (...a: unknown[]) => Expression })),
);

test.each(instructions)('$name is read back under its name', ({ name, build }) => {
  const lines = wasmLines(body(...bytesOf(build)));
  expect(lines).toHaveLength(1);
  expect(lines[0].text.split(' ')[0]).toBe(name);
});

test.each(Object.entries(STORE))('store %s is read back under its name', (key, op) => {
  const [type, width = ''] = key.split('_');
  expect(opcodeName(op)).toBe(`${type}.store${width}`);
});

test('no two opcodes have the same name, but for the two forms of select', () => {
  const numbers = [0, 0xfc0000, 0xfd0000].flatMap((from) => Array.from({ length: 256 }, (_, i) => from + i));
  const names = numbers.map(opcodeName).filter((name) => name !== undefined && name !== 'select');
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(180 + 13 + 236);
});

test('a function with blocks, locals, branches and memory', () => {
  const f = new FunctionBuilder(3, { params: ['i32'], results: ['i64'] });
  const state = f.param(0, 'i32');
  const sum = f.local('i64');
  f.loop((again) => {
    f.set(sum, i64.add(sum, i64.load32_u(state, 16)));
    f.if(
      i64.eqz(sum),
      () => f.store('i64_8', state, i64.const(0x1234n), 8),
      () => f.brIf(again, i32.eq(state, i32.const(-1))),
    );
    f.block((end) => f.brTable(state, [again, end], end));
  });
  f.return(sum);
  const names = { locals: ['state', 'sum'] };
  expect(wasmText(f.finish(), { signature: f.signature, names })).toBe(
    `
(param $state i32)
(result i64)
(local $sum i64)
loop $loop0
  local.get $sum
  local.get $state
  i64.load32_u offset=16
  i64.add
  local.set $sum
  local.get $sum
  i64.eqz
  if $if1
    local.get $state
    i64.const 0x1234
    i64.store8 offset=8
  else $if1
    local.get $state
    i32.const -1
    i32.eq
    br_if $loop0
  end $if1
  block $block2
    local.get $state
    br_table $loop0 $block2 $block2
  end $block2
end $loop0
local.get $sum
return`.trim(),
  );
});

test('calls by name and by number, values from blocks', () => {
  const f = new FunctionBuilder(0, { params: [], results: ['i32'] });
  const walk = { index: 5, signature: { params: ['i32'], results: ['i32'] } } as const;
  const value = choose(call('i32', walk, i32.const(1)), i32.const(2), i32.const(3));
  f.return(select(value, i32.const(4), i32.const(5)));
  const names = { functions: Array.from({ length: 6 }, (_, i) => (i === 5 ? 'walk' : undefined)) };
  const text = wasmText(f.finish(), { names }).split('\n');
  expect(text).toContain('call $walk');
  expect(text).toContain('if $if0 (result i32)');
  expect(wasmText(body(0x10, 6, 0x10, 5), { names })).toBe('call 6\ncall $walk');
});

test('calls through a table, with the name of the type', () => {
  const names = { types: ['region'] };
  expect(wasmText(body(0x11, 0, 0), { names })).toBe('call_indirect (type $region)');
  expect(wasmText(body(0x11, 1, 0), { names })).toBe('call_indirect (type 1)');
});

describe('instructions without an encoder of their own', () => {
  test.each([
    ['call of a function in place of itself', [0x12, 5], 'return_call 5'],
    ['call through a table in place of itself', [0x13, 2, 0], 'return_call_indirect (type 2)'],
    ['call through another table', [0x11, 2, 1], 'call_indirect 1 (type 2)'],
    ['copy', [0xfc, 10, 0, 0], 'memory.copy'],
    ['fill', [0xfc, 11, 0], 'memory.fill'],
    ['fill of another memory', [0xfc, 11, 1], 'memory.fill 1'],
    ['select with a type', [0x1c, 1, 0x7b], 'select (result v128)'],
    ['a lane into memory', [0xfd, 0x5b, 0, 4, 1], 'v128.store64_lane offset=4 1'],
  ])('%s', (_, code, text) => {
    expect(wasmText(body(...code))).toBe(text);
  });
});

describe('constants', () => {
  const text = (value: Expression): string => {
    const code = new Code();
    value.emit(code);
    return wasmText(body(...code.bytes));
  };

  test.each([
    [i32.const(0), 'i32.const 0'],
    [i32.const(-999), 'i32.const -999'],
    [i32.const(0x8000_0000), 'i32.const -0x80000000'],
    [i64.const(0x7fff_ffff_ffff_ffffn), 'i64.const 0x7fffffffffffffff'],
    [i64.const(-1n << 63n), 'i64.const -0x8000000000000000'],
    [f64.const(-0), 'f64.const -0'],
    [f64.const(0.1), 'f64.const 0.1'],
    [f32.const(Number.NEGATIVE_INFINITY), 'f32.const -inf'],
    [f64.const(Number.NaN), 'f64.const nan:0x8000000000000'],
    [i32x4.const(1, -1, 0, 2), 'v128.const i32x4 0x00000001 0xffffffff 0x00000000 0x00000002'],
  ])('%#: %o', (value, expected) => {
    expect(text(value)).toBe(expected);
  });

  test('a signalling NaN keeps its bits', () => {
    expect(wasmText(body(0x43, 1, 0, 0xa0, 0xff))).toBe('f32.const -nan:0x200001');
  });
});

describe('what is no function body', () => {
  const failure = (bytes: Uint8Array): WasmTextError => {
    try {
      wasmText(bytes);
    } catch (error) {
      if (error instanceof WasmTextError) return error;
      throw error;
    }
    throw new Error('no error');
  };

  const unknownVector = new Code();
  opcode(unknownVector, 0xfd0000 | 0x9a);

  test.each([
    ['an unknown opcode', body(0x01, 0x06), 2, 'no instruction has the opcode 6h, at byte 2'],
    ['an unknown vector opcode', body(...unknownVector.bytes), 1, 'no instruction has the opcode FD009Ah'],
    ['a body that is cut off', Uint8Array.of(0, 0x41), 2, 'the body ends within an instruction'],
    ['no end', Uint8Array.of(0, 0x01), 2, 'the body ends within an instruction'],
    ['bytes after the end', body(0x0b), 2, 'bytes after the end'],
    ['a branch to nowhere', body(0x0c, 1), 2, 'a branch out of 1 blocks'],
    ['an unknown type', Uint8Array.of(1, 1, 0x11, 0x0b), 2, 'no type has the number 11h'],
    ['a number too long', body(0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0), 2, 'a number of more than 5 bytes'],
  ])('%s', (_, bytes, offset, message) => {
    const error = failure(bytes);
    expect(error.message).toContain(message);
    expect(error.offset).toBe(offset);
  });
});
