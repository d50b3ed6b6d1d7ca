/**
 * 10,000 damaged images. Each either loads, with everything it claims inside RAM, or is refused with
 * an `ImageError`. Deterministic: mutations come from a seeded generator.
 */
import { describe, expect, it } from 'vitest';
import { type BootImage, ImageError, loadImage, planImage } from './load.ts';
import {
  bootSector,
  bzImage,
  CODE,
  elf,
  elfWith,
  multiboot2Header,
  multibootHeader,
  pvhNote,
  vmlinux,
  withStringTable,
} from './testing/images.ts';
import { TestMemory } from './testing/memory.ts';

const MIB = 0x10_0000;
const RAM = 4 * MIB;
const RUNS_PER_IMAGE = 1000;

const flatMultiboot = new Uint8Array(0x80);
flatMultiboot.set(multibootHeader({ addresses: [MIB, MIB, MIB + 0x80, MIB + 0x100, MIB + 0x40] }));
const flatMultiboot2 = new Uint8Array(0x100);
flatMultiboot2.set(
  multiboot2Header([
    [2, 0, MIB, MIB, 0, MIB + 0x200],
    [3, 0, MIB + 0x80],
    [1, 1, 3, 6],
    [5, 0, 0, 0, 0],
  ]),
);
const twoSegments = [
  { vaddr: MIB, paddr: MIB, bytes: CODE, memsz: 0x100 },
  { vaddr: 2 * MIB, paddr: 2 * MIB, bytes: CODE },
];

const SEEDS: readonly [name: string, image: Partial<BootImage> & { kernel: Uint8Array }][] = [
  ['bzImage, 64-bit', { kernel: bzImage({ codeSize: 0x80 }), initrd: CODE, commandLine: 'quiet' }],
  ['bzImage, i386', { kernel: bzImage({ codeSize: 0x80, xloadflags: 0, version: 0x209 }) }],
  ['vmlinux', { kernel: vmlinux(), initrd: CODE, commandLine: 'quiet' }],
  ['PVH', { kernel: vmlinux(pvhNote(MIB)), initrd: CODE }],
  ['plain ELF 64', { kernel: elf({ bits: 64, entry: MIB, segments: twoSegments }) }],
  ['plain ELF 32', { kernel: elf({ bits: 32, entry: MIB, segments: twoSegments }) }],
  [
    'multiboot ELF',
    {
      kernel: withStringTable(elfWith(multibootHeader()), 'names'),
      modules: [{ bytes: CODE, commandLine: 'm' }],
    },
  ],
  ['multiboot by address', { kernel: flatMultiboot, commandLine: 'quiet' }],
  ['multiboot 2', { kernel: flatMultiboot2, modules: [{ bytes: CODE, commandLine: 'm' }] }],
  ['boot sector', { kernel: bootSector() }],
];

/** Pseudo-random numbers (xorshift32): `below(n)` is in 0..n-1. */
function generator(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const EXTREMES = [
  0, 1, 2, 4, 8, 0x7f, 0x80, 0xff, 0x200, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 0x9_fc00, 0xf_ffff,
];
const LARGE_EXTREMES = [
  MIB,
  MIB + 1,
  RAM - 1,
  RAM,
  RAM + 1,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_f000,
  0xffff_ffff,
];

type Mutation = (bytes: Uint8Array, below: (n: number) => number) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, below) {
    bytes[below(bytes.length)] ^= 1 << below(8);
    return bytes;
  },
  function setByte(bytes, below) {
    bytes[below(bytes.length)] = below(256);
    return bytes;
  },
  function setField(bytes, below) {
    const values = [...EXTREMES, ...LARGE_EXTREMES, bytes.length, bytes.length - 1, bytes.length + 1];
    const at = 2 * below(Math.ceil(bytes.length / 2));
    let value = BigInt(values[below(values.length)]);
    for (let i = 0; i < 1 << below(4); i++, value >>= 8n) bytes[at + i] = Number(value & 0xffn);
    return bytes;
  },
  function truncate(bytes, below) {
    return bytes.slice(0, 1 + below(bytes.length));
  },
  function copyWithin(bytes, below) {
    return bytes.copyWithin(below(bytes.length), below(bytes.length), below(bytes.length));
  },
  function fill(bytes, below) {
    const from = below(bytes.length);
    return bytes.fill(below(2) * 0xff, from, from + 1 + below(16));
  },
];

/** Makes the checksums of multiboot headers right again, so that the fields behind them get tried. */
function repair(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 16 <= bytes.length; at += 4) {
    const magic = view.getUint32(at, true);
    const fields = magic === 0x1bad_b002 ? 2 : magic === 0xe852_50d6 ? 3 : 0;
    if (fields === 0) continue;
    let sum = 0;
    for (let i = 0; i < fields; i++) sum += view.getUint32(at + 4 * i, true);
    view.setUint32(at + 4 * fields, -sum >>> 0, true);
  }
  return bytes;
}

function mutate(original: Uint8Array, below: (n: number) => number): Uint8Array {
  let bytes: Uint8Array = original.slice();
  for (let count = 1 + below(4); count > 0; count--) bytes = MUTATIONS[below(MUTATIONS.length)](bytes, below);
  return below(2) === 0 ? repair(bytes) : bytes;
}

const memory = new TestMemory(RAM);

/** Loads into RAM; checks that the plan keeps what it promises. True when the image was accepted. */
function tryImage(image: BootImage, acpi = false): boolean {
  let plan: ReturnType<typeof planImage>;
  try {
    plan = planImage(image, RAM, { cpus: 2, acpi });
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    expect(error.found.length).toBeGreaterThan(10);
    return false;
  }
  memory.writes.length = 0;
  plan.commit(memory);

  let end = 0;
  for (const region of plan.regions) {
    if (region.start < end || region.end <= region.start)
      throw new Error(`${region.name} overlaps or is empty`);
    end = region.end;
  }
  expect(end).toBeLessThanOrEqual(RAM);
  const outside = memory.writes.filter(
    ({ address, length }) =>
      length > 0 && !plan.regions.some(({ start, end }) => address >= start && address + length <= end),
  );
  expect(outside).toEqual([]);
  // Nothing is written twice, so work is bounded by the size of RAM.
  const written = memory.writes.reduce((sum, { length }) => sum + length, 0);
  expect(written).toBeLessThanOrEqual(RAM);

  const { mode, rip, cr3, registers } = plan.state;
  expect(rip).toBeLessThan(RAM);
  if (mode === 'long') expect((cr3 ?? 1) % 0x1000).toBe(0);
  for (const value of Object.values(registers)) expect(Number.isInteger(value) && value >= 0).toBe(true);
  return true;
}

describe('damaged images', () => {
  it.each(SEEDS)(`%s: ${RUNS_PER_IMAGE} of them`, (_, seed) => {
    const image = { commandLine: '', ...seed };
    expect(tryImage(image, true), 'the undamaged image loads').toBe(true);
    const below = generator(0x1234_5678);
    let accepted = 0;
    for (let run = 0; run < RUNS_PER_IMAGE; run++) {
      if (tryImage({ ...image, kernel: mutate(image.kernel, below) })) accepted++;
    }
    // Both outcomes have to be among them, or the test would show nothing.
    expect(accepted).toBeGreaterThan(RUNS_PER_IMAGE / 50);
    expect(accepted).toBeLessThan(RUNS_PER_IMAGE * 0.98);
  });

  it('are 10,000', () => {
    expect(SEEDS.length * RUNS_PER_IMAGE).toBe(10_000);
  });

  it('leave memory as it was when they are refused', () => {
    const untouched = new TestMemory(RAM);
    const refused = { kernel: bzImage({ initSize: RAM }), commandLine: '' };
    expect(() => loadImage(refused, untouched, { cpus: 1, acpi: true })).toThrow(ImageError);
    expect(untouched.writes).toEqual([]);
  });
});
