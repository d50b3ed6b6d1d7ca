/**
 * Accesses that are looked up together must not be told from accesses that are not: random code with a stack pointer
 * and another one that move through two pages and beyond, where there is none, runs interpreted and compiled.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tier2Mode } from '../../contracts/tiers.ts';
import { assemble } from '../../isa/assembler/index.ts';
import { Bench } from '../testing/bench.ts';

const CODE = 0x1_0000;
const DATA = 0x2_0000;
const PAGES = 2;
const ROUNDS = 40;
const CYCLES = 4000;

type Bits = 32 | 64;

/** Registers by role: stack pointer, base, where both begin in the next round, three others. */
const NAMES: Record<Bits, readonly string[]> = {
  32: ['esp', 'ebx', 'edi', 'esi', 'eax', 'ecx', 'edx'],
  64: ['rsp', 'rbx', 'rdi', 'rsi', 'rax', 'rcx', 'rdx'],
};
const [RSP, RBX, RDI, RSI, RBP] = [4, 3, 7, 6, 5];

interface Line {
  readonly kind: number;
  readonly register: number;
  readonly distance: number;
}

/** Instructions by `kind`: the text of one, for registers sp, b, r, a distance and a label that is free. */
const KINDS: readonly ((p: { sp: string; b: string; r: string; d: number; label: string }) => string)[] = [
  ({ r }) => `push ${r}`,
  ({ r }) => `push ${r}`,
  ({ r }) => `pop ${r}`,
  ({ sp, r, d }) => `mov [${sp} + ${d}], ${r}`,
  ({ sp, r, d }) => `mov ${r}, [${sp} + ${d}]`,
  ({ b, r, d }) => `mov [${b} + ${d}], ${r}`,
  ({ b, r, d }) => `mov ${r}, [${b} + ${d}]`,
  ({ b, d }) => `add dword [${b} + ${d}], ${d}`,
  ({ b, d }) => `movzx eax, byte [${b} + ${d}]`,
  ({ b, d }) => `movups [${b} + ${d}], xmm0`,
  ({ sp, d }) => `sub ${sp}, ${d}`,
  ({ sp, d }) => `lea ${sp}, [${sp} + ${d}]`,
  ({ b, d }) => `add ${b}, ${d}`,
  ({ b, sp }) => `mov ${b}, ${sp}`,
  ({ b, sp }) => `test al, 4\n cmovz ${b}, ${sp}`,
  ({ r }) => `shl ${r}, cl`,
  ({ label, b, r, d }) => `test cl, 1\n jz ${label}\n mov [${b} + ${d}], ${r}\n${label}:`,
  ({ label, sp, r, d }) => `add eax, ecx\n js ${label}\n mov ${r}, [${sp} + ${d}]\n push ${r}\n${label}:`,
  ({ b, d }) => `shl dword [${b} + ${d}], cl`,
  () => 'call sub',
  () => 'cpuid',
];

const line: fc.Arbitrary<Line> = fc.record({
  kind: fc.nat({ max: KINDS.length - 1 }),
  register: fc.integer({ min: 4, max: 6 }),
  distance: fc.oneof(fc.integer({ min: -24, max: 24 }), fc.integer({ min: -200, max: 200 })),
});
const programs = fc.record({
  bits: fc.constantFrom<Bits>(32, 64),
  lines: fc.array(line, { minLength: 3, maxLength: 24 }),
  sub: fc.array(line, { maxLength: 4 }),
  stack: fc.integer({ min: 0xe00, max: 0x1100 }),
  base: fc.integer({ min: 0xe00, max: 0x1100 }),
  /** How far both pointers go from round to round. */
  step: fc.constantFrom(1, 4, 8, 64, 512),
});
type Program = typeof programs extends fc.Arbitrary<infer T> ? T : never;

function textOf({ bits, lines, sub, step }: Program): string {
  const [sp, b, nextSp, nextB] = NAMES[bits];
  const write = (from: readonly Line[], scope: string) =>
    from.map(({ kind, register, distance }, i) =>
      KINDS[kind]({ sp, b, r: NAMES[bits][register], d: distance, label: `${scope}${i}` }),
    );
  // RET has to find its address: nothing in the called piece moves the stack pointer.
  const inSub = write(sub, 's').filter((text) => !/push|pop|sub |lea|call/.test(text));
  return [
    `bits ${bits}`,
    `org ${CODE}`,
    'region:',
    ...[`mov ${sp}, ${nextSp}`, `mov ${b}, ${nextB}`, `add ${nextSp}, ${step}`, `add ${nextB}, ${step}`],
    ...write(lines, 'l'),
    'dec ebp',
    'jnz region',
    'jmp $',
    'sub:',
    ...inSub,
    'ret',
  ].join('\n');
}

function makeBench() {
  const bench = new Bench();
  const code = bench.map(CODE);
  return { bench, code, pages: Array.from({ length: PAGES }, (_, i) => bench.map(DATA + i * 0x1000)) };
}

/** What the code left behind when it had been decoded before. */
function outcome({ bench, code, pages }: ReturnType<typeof makeBench>, program: Program, mode: Tier2Mode) {
  const { bytes, errors } = assemble(textOf(program), { format: 'bin' });
  expect(errors).toEqual([]);
  bench.setMode(program.bits);
  bench.ram.set(bytes, code);
  bench.changed(code, bytes.length);
  const { regs, processor } = bench;
  const compiledBefore = bench.compiledInstructions;
  let caught: ReturnType<Bench['run']>;
  let cycles = 0;
  for (const tier2 of ['off', mode] as const) {
    bench.setTier2(tier2);
    for (const page of pages) bench.ram.subarray(page, page + 0x1000).fill(0x5a);
    for (let n = 0; n < 16; n++) regs.setGprNumber(n, n * 0x1111);
    regs.setGprNumber(RBP, ROUNDS);
    for (const n of [RSP, RDI]) regs.setGprNumber(n, DATA + program.stack);
    for (const n of [RBX, RSI]) regs.setGprNumber(n, DATA + program.base);
    regs.rflags = 2;
    regs.rip = CODE;
    const start = processor.now();
    caught = bench.run(CYCLES);
    cycles = processor.now() - start;
  }
  return {
    compiled: bench.compiledInstructions - compiledBefore,
    state: {
      caught,
      cycles,
      rip: regs.rip,
      cr2: regs.cr2,
      flags: regs.rflags,
      registers: Array.from({ length: 16 }, (_, n) => regs.gprBig(n)),
      memory: pages.map((page) => bench.ram.slice(page, page + 0x1000)),
    },
  };
}

describe('accesses that are looked up together', () => {
  it('do what they do one by one', { timeout: 120_000 }, () => {
    const [plain, compiling] = [makeBench(), makeBench()];
    let compiled = 0;
    fc.assert(
      fc.property(programs, (program) => {
        const tested = outcome(compiling, program, 'forced');
        expect(tested.state).toEqual(outcome(plain, program, 'off').state);
        compiled += tested.compiled;
      }),
      { numRuns: 150, seed: 20261123 },
    );
    expect(compiled).toBeGreaterThan(10_000);
  });

  it('come apart where they lie in two pages again and again', () => {
    const { bench, code } = makeBench();
    const source = `bits 64\norg ${CODE}\nregion: mov eax, [rbx]\nadd rax, [rbx + 4]\ndec ebp\njnz region\njmp $`;
    const { bytes } = assemble(source, { format: 'bin' });
    bench.ram.set(bytes, code);
    bench.setTier2('forced');
    bench.regs.setGprNumber(RBX, DATA + 0xffc);
    bench.regs.setGprNumber(RBP, 400_000);
    bench.regs.rip = CODE;
    bench.run(1_599_990);
    // Until the 65,536th time, the loop's four instructions are left to the interpreter.
    expect(bench.compiledInstructions).toBeGreaterThan(1_330_000);
  });
});
