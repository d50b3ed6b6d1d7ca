import { brotliCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differences } from './compare.ts';
import { parseEncoding } from './encoding.ts';
import { type TemplateHeader, VectorWriter } from './format.ts';
import { makeInitial } from './initial.ts';
import { CODE, FIELDS, FLAG, OFFSET, STATE_SIZE, State } from './layout.ts';
import { mix, Random } from './random.ts';
import { readVectorFile, readVectors, type Vector, vectorFiles } from './reader.ts';

const SEED = 7;
const HEADER: TemplateHeader = {
  name: 'TEST',
  bits: 64,
  profile: { memory: 'integer', xmm: 'single', x87: 'extended' },
  undefinedStatus: 0,
  tolerance: 'exact',
  count: 1,
};

/** A file of one vector whose initial and final states have these bytes changed. */
function fileOf(setup: readonly [number, number][], result: readonly [number, number][], header = HEADER) {
  const made = new State();
  makeInitial(made, mix(SEED, 0), header.profile, header.bits);
  const initial = new State();
  initial.copyFrom(made);
  for (const [at, value] of setup) initial.bytes[at] = value;
  const assumed = new State();
  assumed.copyFrom(initial);
  assumed.u32[OFFSET.rip / 4] = CODE + 1;
  const expected = new State();
  expected.copyFrom(assumed);
  for (const [at, value] of result) expected.bytes[at] = value;
  const writer = new VectorWriter();
  const vector = {
    code: Uint8Array.of(0x90),
    undefinedFlags: 0,
    ignored: { offset: 0, length: 0 },
    exception: null,
  };
  writer.add(vector, made, initial, assumed, expected);
  return { file: writer.finish('test', SEED, [header]), initial, expected };
}

function onlyVector(file: Uint8Array): Vector {
  const [vector] = readVectors(brotliCompressSync(file));
  if (!vector) throw new Error('no vector');
  return vector;
}

/** Bytes that belong to a field (the others are always zero). */
const byteInState = fc.constantFrom(
  ...FIELDS.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i)),
);
const patch = fc.array(fc.tuple(byteInState, fc.integer({ min: 0, max: 255 })), { maxLength: 40 });

describe('file format', () => {
  test('gives back the states that were written', () => {
    fc.assert(
      fc.property(patch, patch, (setup, result) => {
        const { file, initial, expected } = fileOf(setup, result);
        const vector = onlyVector(file);
        expect(vector.initial.bytes).toEqual(initial.bytes);
        expect(vector.expected.bytes).toEqual(expected.bytes);
      }),
    );
  });

  test('fields cover the state without overlap', () => {
    const covered = new Uint8Array(STATE_SIZE);
    for (const { offset, size } of FIELDS) for (let i = 0; i < size; i++) covered[offset + i]!++;
    expect(Math.max(...covered)).toBe(1);
    const padding = Array.from(covered.keys()).filter((at) => covered[at] === 0);
    expect(padding.every((at) => at >= 150 && at < OFFSET.xmm)).toBe(true);
  });

  test('rejects a file recorded with other initial states', () => {
    const { file } = fileOf([], []);
    const text = Buffer.from(file).toString('latin1');
    const other = Buffer.from(text.replace(`"seed":${SEED}`, '"seed":8'), 'latin1');
    expect(() => [...readVectors(brotliCompressSync(other))]).toThrow(/other initial states/);
  });

  test('rejects a file that is cut off', () => {
    const { file } = fileOf([], [[3, 9]]);
    expect(() => [...readVectors(brotliCompressSync(file.subarray(0, file.length - 1)))]).toThrow(/expected/);
  });
});

describe('comparison', () => {
  const first = (header: Partial<TemplateHeader>): Vector =>
    onlyVector(fileOf([], [], { ...HEADER, ...header }).file);
  const copyOf = (state: State) => {
    const copy = new State();
    copy.copyFrom(state);
    return copy;
  };
  const names = (vector: Vector, actual: State) => differences(vector, actual, null).map(({ what }) => what);

  test('sees a change of any field', () => {
    const vector = first({});
    for (const { name, offset } of FIELDS) {
      const actual = copyOf(vector.expected);
      actual.bytes[offset]! ^= 1;
      expect(names(vector, actual)).toEqual([name]);
    }
    expect(names(vector, vector.expected)).toEqual([]);
  });

  test('sees an exception that should not have been, and the other way round', () => {
    const fault = { vector: 14, errorCode: 6, address: 0x20001000n };
    const vector = first({});
    expect(differences(vector, vector.expected, fault)).toHaveLength(1);
    const faulting = { ...vector, exception: fault };
    expect(differences(faulting, vector.expected, null)).toHaveLength(1);
    expect(differences(faulting, vector.expected, { ...fault, errorCode: 4 })).toHaveLength(1);
    expect(differences(faulting, vector.expected, fault)).toEqual([]);
  });

  test('ignores undefined flags, and only those', () => {
    const vector = { ...first({}), undefinedFlags: FLAG.A };
    const actual = copyOf(vector.expected);
    actual.u32[OFFSET.rflags / 4]! ^= FLAG.A;
    expect(names(vector, actual)).toEqual([]);
    actual.u32[OFFSET.rflags / 4]! ^= FLAG.C;
    expect(names(vector, actual)).toEqual(['RFLAGS']);
  });

  test('ignores the undefined part of the window, and only that', () => {
    const vector = { ...first({}), ignored: { offset: 12, length: 16 } };
    const actual = copyOf(vector.expected);
    for (let i = 12; i < 28; i++) actual.bytes[OFFSET.window + i]! ^= 0xff;
    expect(names(vector, actual)).toEqual([]);
    actual.bytes[OFFSET.window + 28]! ^= 1;
    actual.bytes[OFFSET.window + 11]! ^= 1;
    expect(names(vector, actual)).toEqual(['window[0]', 'window[16]']);
  });

  test('allows one unit in the last place where the tolerance says so', () => {
    const significand = OFFSET.st / 8;
    for (const [tolerance, distance, expected] of [
      ['ulp', 1n, []],
      ['ulp', 2n, ['ST(0)']],
      ['exact', 1n, ['ST(0)']],
    ] as const) {
      const vector = first({ tolerance });
      const actual = copyOf(vector.expected);
      vector.expected.u64[significand] = 0x8000_0000_0000_0000n;
      actual.u64[significand] = 0x8000_0000_0000_0000n + distance;
      expect(names(vector, actual)).toEqual(expected);
    }
  });

  test('allows the error of an estimate where the tolerance says so', () => {
    const vector = first({ tolerance: 'estimate' });
    const actual = copyOf(vector.expected);
    const lane = OFFSET.xmm / 4;
    vector.expected.u32[lane] = 0x3f800000; // 1
    actual.u32[lane] = 0x3f801000; // 1 + 2^-11
    expect(names(vector, actual)).toEqual([]);
    actual.u32[lane] = 0x3f802000; // 1 + 2^-10
    expect(names(vector, actual)).toEqual(['XMM0']);
  });
});

describe('recorded files', () => {
  test('hold more than 400,000 vectors of both modes', () => {
    const files = vectorFiles();
    expect(files).toContain('integer-64');
    expect(files).toContain('integer-32');
    let count = 0;
    for (const name of files) for (const _ of readVectorFile(name)) count++;
    expect(count).toBeGreaterThan(400_000);
  });

  test('agree with arithmetic: ADD of 64-bit registers', () => {
    let seen = 0;
    for (const { template, code, initial, expected, exception } of readVectorFile('integer-64')) {
      if (template.name !== 'ADD 01 /r') continue;
      const [rex = 0, opcode, modrm = 0] = code;
      if (exception || code.length !== 3 || (rex & 0xf8) !== 0x48 || opcode !== 0x01 || modrm < 0xc0)
        continue;
      const source = ((rex & 4) << 1) | ((modrm >> 3) & 7);
      const destination = ((rex & 1) << 3) | (modrm & 7);
      const sum = initial.u64[source]! + initial.u64[destination]!;
      expect(expected.u64[destination]).toBe(BigInt.asUintN(64, sum));
      const flags = expected.u32[OFFSET.rflags / 4]!;
      expect((flags & FLAG.C) !== 0).toBe(sum >= 1n << 64n);
      expect((flags & FLAG.Z) !== 0).toBe(BigInt.asUintN(64, sum) === 0n);
      seen++;
    }
    expect(seen).toBeGreaterThan(50);
  });
});

describe('generator', () => {
  test('numbers are spread and repeat with their seed', () => {
    const counts = new Array(8).fill(0);
    const random = new Random(1);
    for (let i = 0; i < 8000; i++) counts[random.below(8)]++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(new Random(3).u64()).toBe(new Random(3).u64());
  });

  test('takes encodings apart', () => {
    expect(parseEncoding('66 0F 3A 0F /r ib')).toEqual({
      mandatoryPrefix: 0x66,
      rexW: false,
      opcode: [0x0f, 0x3a, 0x0f].map((byte) => ({ byte, register: null })),
      modrm: 'r',
      tails: ['ib'],
    });
    expect(parseEncoding('B8+r iv').opcode).toEqual([{ byte: 0xb8, register: 'general' }]);
    expect(() => parseEncoding('0F iq')).toThrow('unknown word "iq"');
  });
});
