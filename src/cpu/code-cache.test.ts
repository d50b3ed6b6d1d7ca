/** Code that is rewritten: the new bytes are executed, and no more is decoded again than has to be. */
import { beforeEach, describe, expect, it } from 'vitest';
import { GPR } from '../arch/registers.ts';
import { Bench } from './testing/bench.ts';

const CODE = 0x10_0000;
/** ADD EAX, imm8; 13 of them to a line of 64 bytes reach over its end. */
const ADD = [0x83, 0xc0, 1];
const PER_ROUND = 100;
/** JMP to itself. */
const STOP = [0xeb, 0xfe];

let bench: Bench;
let page: number;

/** 100 additions, then a jump to itself. */
beforeEach(() => {
  bench = new Bench();
  page = bench.map(CODE);
  for (let i = 0; i < PER_ROUND; i++) bench.ram.set(ADD, page + i * ADD.length);
  bench.ram.set(STOP, page + PER_ROUND * ADD.length);
  round();
});

/** Runs all additions. @returns their sum */
function round(): number {
  const { regs, processor } = bench;
  regs.setGpr32(GPR.RAX, 0);
  regs.rip = CODE;
  processor.run(processor.now() + PER_ROUND);
  return regs.gprLo(GPR.RAX);
}

const decoded = (): number => bench.decodedInstructions;

/** Changes the constant of an addition. */
function patch(addition: number, value: number): void {
  const at = page + addition * ADD.length + 2;
  bench.ram[at] = value;
  bench.changed(at, 1);
}

describe('a page whose code changes', () => {
  it('executes the new bytes, whatever runs into them', () => {
    expect(round()).toBe(PER_ROUND);
    for (let addition = 0; addition < PER_ROUND; addition++) {
      patch(addition, 2);
      expect(round()).toBe(PER_ROUND + addition + 1);
    }
  });

  it('decodes the changed line and what reaches into it again, not the rest', () => {
    const before = decoded();
    round();
    expect(decoded()).toBe(before);
    // Addition 40 begins at byte 120: line 1, bytes 64 to 127; records from byte 49 on go.
    patch(40, 5);
    expect(round()).toBe(PER_ROUND + 4);
    expect(decoded() - before).toBeGreaterThan(0);
    expect(decoded() - before).toBeLessThanOrEqual(27);
  });

  it('is not decoded again for writes to lines without code', () => {
    const before = decoded();
    bench.changed(page + 0x800, 64);
    round();
    expect(decoded()).toBe(before);
  });

  it('follows branches into a changed line', () => {
    // A loop that begins in line 2 and branches back from line 3.
    const head = 45 * ADD.length;
    const back = 70 * ADD.length;
    bench.ram.set([0x75, 0x100 - (back + 2 - head), 0x90], page + back);
    bench.changed(page + back, 3);
    const { regs, processor } = bench;
    const run = (cycles: number): number => {
      regs.setGpr32(GPR.RAX, 0);
      regs.rip = CODE;
      processor.run(processor.now() + cycles);
      return regs.gprLo(GPR.RAX);
    };
    // 70 additions, the branch, then rounds of 25 additions and the branch.
    expect(run(71 + 26 * 4)).toBe(70 + 25 * 4);
    patch(45, 3);
    expect(run(71 + 26 * 4)).toBe(72 + 27 * 4);
  });
});
