import { describe, expect, test } from 'vitest';
import { NOTHING_COMPILED, type RegionInfo } from '../../contracts/tiers.ts';
import { CODE_MODE } from '../../isa/modes.ts';
import { REGIONS_SHOWN } from '../../protocol/tiers-view.ts';
import { i32 } from '../../wasm/expression.ts';
import { FunctionBuilder } from '../../wasm/function.ts';
import { regionView } from './region.ts';
import { tiersView } from './tiers.ts';

/** add eax, 1; then, in the next page but one, jmp short to itself; then NOP over a page's end. */
const MEMORY = new Map([
  [0x5ff0, [0x83, 0xc0, 0x01]],
  [0x9000, [0xeb, 0xfe]],
  [0x5ffe, [0x0f, 0x1f, 0x44, 0x00, 0x00]],
]);

const read = (address: number, length: number): Uint8Array =>
  Uint8Array.from(MEMORY.get(address) ?? []).slice(0, length);

function body(): Uint8Array {
  const f = new FunctionBuilder(1, { params: ['i32'], results: ['i32'] });
  const rax = f.local('i64');
  f.block(() => f.set(rax, rax));
  f.return(i32.const(0));
  f.unreachable();
  return f.finish().slice();
}

const region = (id: number, entries = 0): RegionInfo => ({
  id,
  page: 5,
  offset: 0xff0,
  linear: -0x7000_0000 + 0xff0,
  codeMode: CODE_MODE.LONG64,
  instructions: [
    { page: 5, offset: 0xff0, length: 3, code: 3 },
    { page: 9, offset: 0, length: 2, code: 5 },
    { page: 5, offset: 0xffe, length: 5, code: 10 },
  ],
  module: 3,
  generation: 1,
  entries,
  body: body(),
  names: { functions: ['fillRead'], locals: ['state', 'rax'] },
});

describe('tiers', () => {
  const view = (regions: readonly RegionInfo[]) =>
    tiersView({
      bare: null,
      instructions: 1000,
      statistics: {
        ...NOTHING_COMPILED,
        mode: 'on',
        instructions: 900,
        sideExits: { ...NOTHING_COMPILED.sideExits, memory: 5, system: 9 },
        batches: [0, 1].map((module) => ({ module, at: 0, regions: 1, instructions: 1, bytes: 1 })),
      },
      regions,
    });

  test('has the most frequent side exits and the latest compilations first, and all causes', () => {
    const { sideExits, batches, instructions, compiledInstructions } = view([]);
    expect(sideExits.slice(0, 3).map(({ cause, count }) => [cause, count])).toEqual([
      ['system', 9],
      ['memory', 5],
      ['budget', 0],
    ]);
    expect(sideExits).toHaveLength(Object.keys(NOTHING_COMPILED.sideExits).length);
    expect(batches.map(({ module }) => module)).toEqual([1, 0]);
    expect([instructions, compiledInstructions]).toEqual([1000, 900]);
  });

  test('lists the regions entered most often, and no more than the page shows', () => {
    const many = Array.from({ length: REGIONS_SHOWN + 50 }, (_, id) => region(id, id % 50));
    const { regions } = view(many);
    expect(regions).toHaveLength(REGIONS_SHOWN);
    expect(regions.slice(0, 3).map(({ id }) => id)).toEqual([49, 99, 149]);
    expect(regions[0]).toMatchObject({
      address: 0xffff_ffff_9000_0ff0n,
      physical: 0x5ff0n,
      bitness: 64,
      instructions: 3,
      bytes: 10,
      entries: 49,
    });
  });
});

describe('a region', () => {
  test('shows guest code with linear addresses, in other pages with physical ones', () => {
    const { code } = regionView(region(1), read);
    expect(code.map(({ address, physical, text }) => [address, physical, text])).toEqual([
      [0xffff_ffff_9000_0ff0n, false, 'add eax, 1'],
      [0x9000n, true, 'jmp 0x9000'],
      [0xffff_ffff_9000_0ffen, false, '(goes on in the next page)'],
    ]);
    expect(code[2].bytes).toEqual(Uint8Array.of(0x0f, 0x1f));
  });

  test('shows its WebAssembly with the names of locals', () => {
    const { wasm, wasmLeftOut } = regionView(region(1), read);
    expect(wasm.map(({ depth, text }) => '  '.repeat(depth) + text)).toEqual([
      '(param $state i32)',
      '(result i32)',
      '(local $rax i64)',
      'block $block0',
      '  local.get $rax',
      '  local.set $rax',
      'end $block0',
      'i32.const 0',
      'return',
      'unreachable',
    ]);
    expect(wasm.map(({ step }) => step)).toEqual([null, null, null, 0, 1, 1, 1, 2, 2, 2]);
    expect(wasmLeftOut).toBe(0);
  });

  test('says why WebAssembly cannot be shown', () => {
    const { wasm } = regionView({ ...region(1), body: Uint8Array.of(0, 0x06, 0x0b) }, read);
    expect(wasm).toEqual([
      { step: null, depth: 0, text: ';; cannot be shown: no instruction has the opcode 6h, at byte 1' },
    ]);
  });

  test('leaves out the end of very long WebAssembly', () => {
    const long = Uint8Array.from([0, ...new Array(5000).fill(0x01), 0x0b]);
    const { wasm, wasmLeftOut } = regionView({ ...region(1), body: long }, read);
    expect(wasm.length + wasmLeftOut).toBe(5002);
    expect(wasmLeftOut).toBeGreaterThan(0);
  });
});
