/**
 * Repeated string instructions do many elements at once; that must not show. Random ones run in two
 * processors, one cycle at a time in the first, in pieces of any length in the second: registers, flags,
 * memory and time agree wherever both stop.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLAG, GPR } from '../arch/registers.ts';
import { Bench } from './testing/bench.ts';

const CODE = 0x10_0000;
/** Three data pages, the last of which is the first again; unmapped pages follow. */
const DATA = 0x20_0000;
const PAGES = 3;

const OPCODES = [0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf];
/** Operand sizes: none, 66h, REX.W. */
const SIZES = [[], [0x66], [0x48]];

interface Case {
  readonly opcode: number;
  readonly rep: number;
  readonly size: number;
  readonly bits: 32 | 64;
  readonly source: number;
  readonly destination: number;
  readonly count: number;
  readonly backwards: boolean;
  readonly accumulator: number;
  /** Data repeat after so many bytes, so that comparisons go on for a while. */
  readonly period: number;
  /** The instruction lies in a data page, which so holds code. */
  readonly codeInData: boolean;
  /** The TLBs are empty at first. */
  readonly flush: boolean;
  readonly cuts: readonly number[];
}

const offset = fc.oneof(
  fc.integer({ min: 0, max: PAGES * 0x1000 }),
  fc.constantFrom(0xff0, 0x1000 - 8, 0x1ffd, 0x2000, 0x2ff8),
);
const cases: fc.Arbitrary<Case> = fc.record({
  opcode: fc.constantFrom(...OPCODES),
  rep: fc.constantFrom(0xf3, 0xf2),
  size: fc.integer({ min: 0, max: 2 }),
  bits: fc.constantFrom(32 as const, 64 as const),
  source: offset,
  destination: fc.oneof(offset, fc.integer({ min: -40, max: 40 })),
  count: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 6000 })),
  backwards: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  accumulator: fc.oneof(fc.constant(0), fc.constant(0x0101_0101), fc.integer({ min: 0, max: 0xffff_ffff })),
  period: fc.constantFrom(1, 2, 8, 13, 256, 5000),
  codeInData: fc.boolean(),
  flush: fc.boolean(),
  cuts: fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3000 })), {
    minLength: 1,
    maxLength: 8,
  }),
});

/** A bench with the data pages; physical addresses of the code page and of the two different data pages. */
function makeBench(): { bench: Bench; codePage: number; pages: number[] } {
  const bench = new Bench();
  const pages = [bench.map(DATA), bench.map(DATA + 0x1000)];
  bench.map(DATA + 0x2000, pages[0]);
  return { bench, codePage: bench.map(CODE), pages };
}

function prepare({ bench, codePage, pages }: ReturnType<typeof makeBench>, c: Case): Bench {
  const data = Uint8Array.from({ length: 0x2000 }, (_, i) => Math.imul(i % c.period, 0x9e37_79b1) >>> 13);
  const put = (bytes: ArrayLike<number>, at: number) => {
    bench.ram.set(bytes, at);
    bench.changed(at, bytes.length);
  };
  for (const [i, page] of pages.entries()) put(data.subarray(i * 0x1000, (i + 1) * 0x1000), page);
  bench.setMode(c.bits);
  bench.processor.caught = undefined;
  if (c.flush) bench.processor.memory.flush('all');
  const r = bench.regs;
  // The code ends with a jump to itself.
  const code = [c.rep, ...(c.bits === 64 || c.size !== 2 ? SIZES[c.size] : []), c.opcode, 0xeb, 0xfe];
  put(code, c.codeInData ? pages[1] + 0x800 : codePage);
  r.rip = c.codeInData ? DATA + 0x1800 : CODE;
  r.rflags = c.backwards ? FLAG.DF : 0;
  r.setGpr32(GPR.RAX, c.accumulator);
  r.setGpr32(GPR.RCX, c.count);
  r.setGpr32(GPR.RSI, DATA + c.source);
  // Small destinations lie near the source: overlaps of every kind.
  const near = c.destination <= 40 && c.source > 100;
  r.setGpr32(GPR.RDI, DATA + (near ? c.source : 0) + c.destination);
  return bench;
}

/** All that a guest could tell. */
function stateOf(bench: Bench): unknown {
  const r = bench.regs;
  const gprs = Array.from({ length: 16 }, (_, n) => r.gpr(n));
  return { gprs, rip: r.rip, rflags: r.rflags, now: bench.processor.now(), caught: bench.processor.caught };
}

describe('repeated string instructions in bulk', () => {
  it('do the same as element by element, wherever a run is cut', () => {
    const benches = [makeBench(), makeBench()];
    fc.assert(
      fc.property(cases, (c) => {
        const [single, bulk] = benches.map((b) => prepare(b, c));
        for (let i = 0; i < 6; i++) {
          bulk.processor.run(bulk.processor.now() + c.cuts[i % c.cuts.length]);
          // A fault is caught again and again, at the cost of its delivery.
          while (single.processor.now() < bulk.processor.now()) single.step();
          expect(stateOf(bulk)).toEqual(stateOf(single));
        }
        expect(Buffer.compare(bulk.ram, single.ram)).toBe(0);
      }),
      { seed: 20261122, numRuns: 120 },
    );
  });

  it('leave nothing for later: a page is copied in far fewer steps than elements', () => {
    const bench = prepare(makeBench(), {
      opcode: 0xa4,
      rep: 0xf3,
      size: 0,
      bits: 64,
      source: 0,
      destination: 0x1000,
      count: 0x1000,
      backwards: false,
      accumulator: 0,
      period: 256,
      codeInData: false,
      flush: true,
      cuts: [],
    });
    bench.processor.run(0x1001);
    expect(bench.regs.gprLo(GPR.RCX)).toBe(0);
    expect(bench.processor.now()).toBe(0x1001);
  });
});
