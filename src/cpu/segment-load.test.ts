/**
 * Generated code loads segment registers in the ordinary cases, the system operation in all of them. Random
 * descriptors go to two processors; one has the descriptor table in its TLB, the other one, which has not, leaves
 * every load to the system operation. Both end the same.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CR0, GPR, SEG } from '../arch/registers.ts';
import { SEGMENT, STATE } from './state.ts';
import { refresh } from './system/mode.ts';
import { Bench } from './testing/bench.ts';

const CODE = 0x8_0000;
const GDT = 0x9_0000;
const STACK = 0xa_0000;
const ENTRIES = 8;
/** Selector of an ordinary data segment. */
const PLAIN = 8;
/** MOV n, AX and POP n, by SEG number. */
const MOVES = {
  [SEG.ES]: [0x8e, 0xc0],
  [SEG.DS]: [0x8e, 0xd8],
  [SEG.FS]: [0x8e, 0xe0],
  [SEG.GS]: [0x8e, 0xe8],
};
const POPS = { [SEG.ES]: [0x07], [SEG.DS]: [0x1f], [SEG.FS]: [0x0f, 0xa1], [SEG.GS]: [0x0f, 0xa9] };

interface Load {
  readonly n: keyof typeof MOVES;
  readonly pops: boolean;
  readonly selector: number;
  readonly cpl: 0 | 3;
  /** Bits 47:40 and 55:52 of the descriptor. */
  readonly access: number;
  readonly flags: number;
  readonly base: number;
  readonly limit: number;
}

const loads: fc.Arbitrary<Load> = fc.record({
  n: fc.constantFrom(SEG.ES, SEG.DS, SEG.FS, SEG.GS),
  pops: fc.boolean(),
  selector: fc.oneof(
    fc.integer({ min: 0, max: ENTRIES * 8 + 15 }),
    fc.constantFrom(0, 1, 2, 3, 0x10, 0x13, 0x18, 0x1b),
  ),
  cpl: fc.constantFrom(0 as const, 3 as const),
  access: fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0x93, 0xf3, 0x9b, 0xfb, 0xf1, 0xff, 0xf2),
  ),
  flags: fc.constantFrom(0, 0xc, 0x4, 0x8, 0x9),
  base: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff_ffff })),
  limit: fc.oneof(fc.constant(0xf_ffff), fc.integer({ min: 0, max: 0xf_ffff })),
});

/** A processor in protected mode, without paging. */
class Loader {
  private readonly bench = new Bench();
  /** System operations that were executed. */
  operations = 0;

  constructor() {
    const { processor, regs, ram } = this.bench;
    regs.cr0 = CR0.PE | CR0.ET;
    regs.efer = 0;
    regs.cr4 = 0;
    regs.gdtr = { base: GDT, limit: ENTRIES * 8 - 1 };
    processor.observer = { delivering: () => {}, executed: () => this.operations++ };
    this.put(PLAIN, { access: 0xf3, flags: 0xc, base: 0, limit: 0xf_ffff });
    ram.set(MOVES[SEG.ES], CODE + 0x100);
  }

  /** @returns what a load may change, and what it raised */
  load(load: Load, withTable: boolean): unknown {
    const { bench } = this;
    const { regs: r, ram } = bench;
    bench.setMode(32);
    r.cpl = load.cpl;
    refresh(r);
    bench.processor.memory.flush('everything');
    if (withTable) this.execute(CODE + 0x100, PLAIN | 3);
    for (let at = 0x10; at < ENTRIES * 8; at += 8) this.put(at, load);
    ram.set(load.pops ? POPS[load.n] : MOVES[load.n], CODE);
    bench.changed(CODE, 2);
    bench.setMode(32);
    r.cpl = load.cpl;
    refresh(r);
    this.operations = 0;
    r.setGprNumber(GPR.RSP, STACK);
    new DataView(ram.buffer, ram.byteOffset).setUint32(STACK, load.selector | 0xabcd_0000, true);
    const event = this.execute(CODE, load.selector);
    const field = (from: number, bytes: number): number[] => [...r.u8.subarray(from, from + bytes)];
    return {
      raised: event && { vector: event.vector, errorCode: event.errorCode },
      rip: r.rip,
      esp: r.gpr(GPR.RSP),
      mode: r.lo(STATE.CODE_MODE),
      derived: field(STATE.EFFECTIVE_BASE, STATE.SCRATCH - STATE.EFFECTIVE_BASE),
      segments: field(STATE.SEGMENTS, 6 * SEGMENT.SIZE),
      table: [...ram.subarray(GDT, GDT + ENTRIES * 8)],
    };
  }

  private execute(rip: number, selector: number) {
    this.bench.regs.setGprNumber(GPR.RAX, selector);
    this.bench.regs.rip = rip;
    return this.bench.step();
  }

  private put(at: number, d: Pick<Load, 'access' | 'flags' | 'base' | 'limit'>): void {
    const { ram } = this.bench;
    const view = new DataView(ram.buffer, ram.byteOffset + GDT + at);
    view.setUint32(0, (d.limit & 0xffff) | (d.base << 16), true);
    const middle = (d.base >>> 16) & 0xff;
    const high = middle | (d.access << 8) | (d.limit & 0xf_0000) | (d.flags << 20) | (d.base & 0xff00_0000);
    view.setUint32(4, high, true);
  }
}

describe('loads of segment registers', () => {
  it('do in generated code what the system operation does', () => {
    const [quick, careful] = [new Loader(), new Loader()];
    let inGeneratedCode = 0;
    fc.assert(
      fc.property(loads, (load) => {
        expect(quick.load(load, true)).toEqual(careful.load(load, false));
        if (quick.operations < careful.operations) inGeneratedCode++;
      }),
      { numRuns: 3000, seed: 20261122 },
    );
    expect(inGeneratedCode).toBeGreaterThan(200);
  });
});
