/** A region follows calls one deep; when it is entered again and again, it is made again and follows them deeper. */
import { expect, it } from 'vitest';
import { assemble } from '../../isa/assembler/index.ts';
import { Bench } from '../testing/bench.ts';

const CODE = 0x1_0000;
const STACK = 0x3_0000;
const SOURCE = `bits 64
org ${CODE}
again: call one
dec ebp
jnz again
jmp $
one: call two
ret
two: call three
inc eax
ret
three: inc ecx
ret`;
const INSTRUCTIONS_A_ROUND = 10;
const [RAX, RCX, RSP, RBP] = [0, 1, 4, 5];

it('calls are followed deeper where code comes by often', () => {
  const bench = new Bench();
  const { regs } = bench;
  const { bytes, symbols } = assemble(SOURCE, { format: 'bin' });
  bench.ram.set(bytes, bench.map(CODE));
  bench.map(STACK - 0x1000);
  bench.setTier2('on');
  regs.rip = CODE;
  regs.setGprNumber(RSP, STACK);
  regs.setGprNumber(RBP, 1_000_000);
  const offset = (name: string) => Number(symbols.find((s) => s.name === name)?.value) - CODE;
  const run = (rounds: number): void => {
    // Between two runs, what has been asked for is compiled, if it has waited for two million instructions.
    for (let left = rounds; left > 0; left -= 10_000) bench.run(10_000 * INSTRUCTIONS_A_ROUND);
  };
  /** Whether some region has both. */
  const together = (one: string, other: string): boolean =>
    bench
      .regions()
      .map(({ instructions }) => instructions.map((i) => i.offset))
      .some((offsets) => offsets.includes(offset(one)) && offsets.includes(offset(other)));
  run(220_000);
  expect(together('again', 'one')).toBe(true);
  expect(together('again', 'two')).toBe(false);
  run(240_000);
  expect(together('again', 'three')).toBe(true);
  expect([RAX, RCX, RBP].map((n) => regs.gpr(n))).toEqual([460_000, 460_000, 540_000]);
});
