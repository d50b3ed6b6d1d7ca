/** What instructions make of an immediate that is known when the code is built, and of one that is not. */
import { expect, test } from 'vitest';
import { i32, i64 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { i32x4, v128 } from '../../wasm/simd.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { operandWidth, parseOperands } from '../operands.ts';
import { floatCompare } from './float-compare.ts';
import { immediateShifts } from './shifts.ts';
import { shuffles } from './shuffles.ts';

/** Where operands, the result and an immediate that is not known stand in memory. */
const OPERANDS = [0x100, 0x120];
const RESULT = 0x140;
const IMMEDIATE = 0x160;

/** As much of a context as these instructions need. Nothing of theirs is flagged here: functions return 0. */
function contextOf(f: FunctionBuilder, row: Instruction, known: number | undefined): Context {
  const operands = parseOperands(row.operands);
  const address = (n: number) => i32.const(OPERANDS[n]);
  const context: Partial<Context> = {
    f,
    size: 32,
    isMemory: () => false,
    width: (n) => operandWidth(operands[n], 32),
    readV: (n) => v128.load(address(n)),
    readU: (n) => i64.load32_u(address(n)),
    writeV: (_, value) => f.store('v128', i32.const(RESULT), value),
    write: (_, value) => f.store('i64', i32.const(RESULT), value),
    immediate: () => (known === undefined ? i64.load(i32.const(IMMEDIATE)) : i64.const(known)),
    knownImmediate: known,
    field: (offset) => i32.const(0x1000 + offset),
    library: ((fn) => (fn.result === 'v128' ? i32x4.const(0) : i32.const(0))) as Context['library'],
    raise: () => {},
  };
  return context as Context;
}

const withImmediate = (list: readonly Instruction[]) =>
  list
    .filter(({ operands }) => operands?.endsWith('Ib'))
    .map((row) => [`${row.mnemonic} ${row.operands}`, row] as const);

const BYTES = 16;
const operandBytes = (seed: number): Uint8Array =>
  Uint8Array.from({ length: BYTES }, (_, i) => (i * 29 + seed * 101 + 7) & 0xff);
/** Middling numbers, equal in some lanes, as singles and as doubles. */
const numberBytes = (seed: number): Uint8Array =>
  new Uint8Array(Uint32Array.from([1, 0x4000_0000, seed, 0x4000_0000 + (seed & 1)]).buffer);

const build = (row: Instruction, memory: WebAssembly.Memory) => {
  const module = new ModuleBuilder();
  const signature = { params: [], results: [] } as const;
  for (const known of [undefined, ...Array.from({ length: 256 }, (_, n) => n)]) {
    const f = module.function(signature);
    (row.semantics as Semantics)(contextOf(f, row, known));
    module.export(String(known), f);
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish(1)), { env: { memory } });
  return exports as Record<string, () => void>;
};

test.each([
  ...withImmediate([...shuffles, ...immediateShifts]).map(
    ([name, row]) => [name, row, operandBytes] as const,
  ),
  ...withImmediate(floatCompare).map(([name, row]) => [name, row, numberBytes] as const),
])('%s', (_, row, operand) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const bytes = new Uint8Array(memory.buffer);
  const functions = build(row, memory);
  const result = (name: string): string => {
    bytes.fill(0xee, RESULT, RESULT + BYTES);
    functions[name]();
    return bytes.slice(RESULT, RESULT + BYTES).join(' ');
  };
  bytes.set(operand(1), OPERANDS[0]);
  bytes.set(operand(2), OPERANDS[1]);
  for (let n = 0; n < 256; n++) {
    bytes[IMMEDIATE] = n;
    expect(`${n}: ${result(String(n))}`).toBe(`${n}: ${result('undefined')}`);
  }
});
