/**
 * Flags in regions, where what set them is known when the code is made, against the interpreter, which
 * derives all of them from the CPU block: random instructions that set and read flags.
 */
import { expect, it } from 'vitest';
import { assemble } from '../../isa/assembler/index.ts';
import { Bench } from '../testing/bench.ts';

const CODE = 0x10_0000;
const STACK = 0x20_0000;
const INSTRUCTIONS = 40;
const PROGRAMS = 250;

let seed = 20;
function below(n: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((seed / 2 ** 32) * n);
}
const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)];

const REGISTERS = [
  ['al', 'bl', 'dl', 'sil', 'dil'],
  ['ax', 'bx', 'dx', 'si', 'di'],
  ['eax', 'ebx', 'edx', 'esi', 'edi'],
  ['rax', 'rbx', 'rdx', 'rsi', 'rdi'],
] as const;
const CONDITIONS = [
  'o',
  'no',
  'b',
  'nb',
  'z',
  'nz',
  'be',
  'nbe',
  's',
  'ns',
  'p',
  'np',
  'l',
  'nl',
  'le',
  'nle',
];
const WIDE = [1, 2, 3] as const;

/** Lines of assembly; `label` is a new one. */
const MAKERS: readonly ((label: string) => string)[] = [
  ...['add', 'adc', 'sbb', 'sub', 'cmp', 'and', 'xor', 'test'].map((m) => () => {
    const names = pick(REGISTERS);
    return `${m} ${pick(names)}, ${pick(names)}`;
  }),
  ...['adc', 'sbb', 'adc', 'sbb', 'cmp'].map((m) => () => `${m} ${pick(pick(REGISTERS))}, ${below(3) - 1}`),
  ...['inc', 'dec', 'neg'].map((m) => () => `${m} ${pick(pick(REGISTERS))}`),
  ...['shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr'].flatMap((m) => [
    () => `${m} ${pick(pick(REGISTERS))}, ${below(35)}`,
    () => `${m} ${pick(pick(REGISTERS))}, cl`,
  ]),
  ...['bt', 'bts', 'btr', 'btc'].map((m) => () => `${m} ${pick(REGISTERS[pick(WIDE)])}, ${below(16)}`),
  ...['bsf', 'bsr', 'shld', 'imul'].map((m) => () => {
    const names = REGISTERS[pick(WIDE)];
    return `${m} ${pick(names)}, ${pick(names)}${m === 'shld' ? `, ${below(16)}` : ''}`;
  }),
  ...['stc', 'clc', 'cmc', 'stc', 'clc', 'cmc', 'lahf', 'sahf', 'pushfq\npop rbx', 'cld'].map((m) => () => m),
  ...[0, 1, 2].map(() => () => `set${pick(CONDITIONS)} ${pick(REGISTERS[0])}`),
  () => `cmov${pick(CONDITIONS)} ${pick(REGISTERS[3])}, ${pick(REGISTERS[3])}`,
  (label) =>
    `j${pick(CONDITIONS)} ${label}\n${pick(['stc', 'cmp eax, ebx', 'inc edx', 'bt esi, 3'])}\n${label}:`,
];

const VALUES = [0n, 1n, -1n, 0x7fn, 0x80n, 0x7fff_ffffn, -0x8000_0000n, -(2n ** 63n), 0x1234_5678_9abc_def0n];

it('are those of the interpreter', { timeout: 120_000 }, () => {
  const bench = new Bench();
  const code = bench.map(CODE);
  bench.map(STACK);
  const { regs, ram } = bench;
  for (let number = 0; number < PROGRAMS; number++) {
    const lines = Array.from({ length: INSTRUCTIONS }, (_, i) => pick(MAKERS)(`.l${i}`));
    const source = ['jmp region', 'region:', ...lines, 'jmp $'].join('\n');
    const { bytes, errors } = assemble(`bits 64\norg ${CODE}\n${source}`, { format: 'bin' });
    expect(errors).toEqual([]);
    ram.set(bytes, code);
    bench.changed(code, bytes.length);
    const initial = Array.from({ length: 8 }, () => pick(VALUES) + BigInt(below(3)));
    const status = below(0x1000);
    const outcome = (mode: 'off' | 'forced') => {
      bench.setTier2(mode);
      regs.rip = CODE;
      for (const [n, value] of initial.entries()) regs.u64[n] = BigInt.asUintN(64, value);
      regs.setGprNumber(4, STACK + 0x800);
      regs.rflags = (status & 0x8d5) | 0x202;
      bench.run(4 * INSTRUCTIONS);
      return { registers: Array.from(regs.u64.subarray(0, 8), String), rflags: regs.rflags, source };
    };
    const interpreted = outcome('off');
    const before = bench.compiledInstructions;
    expect(outcome('forced')).toEqual(interpreted);
    expect(bench.compiledInstructions - before).toBeGreaterThan(INSTRUCTIONS / 2);
  }
});
