/** Arithmetic, logic, moves, shifts and bits on general registers (SDM volume 2; flags: volume 1, appendix A). */
import type { Instance } from '../instance.ts';
import { OFFSET, R } from '../layout.ts';
import { family, type Template } from '../template.ts';

const ALU = ['ADD', 'OR', 'ADC', 'SBB', 'AND', 'SUB', 'XOR', 'CMP'] as const;
const isLogic = (name: string) => ['OR', 'AND', 'XOR'].includes(name);

const alu: Template[] = ALU.flatMap((name, n) => {
  const shared = isLogic(name) ? { undefined: 'A' } : {};
  const lock = name !== 'CMP';
  const at = (offset: number) => (8 * n + offset).toString(16).toUpperCase().padStart(2, '0');
  return [
    ...family({ ...shared, size: 'b', lock }, [
      [name, `${at(0)} /r`],
      [name, `80 /${n} ib`],
    ]),
    ...family({ ...shared, size: 'v', lock }, [
      [name, `${at(1)} /r`],
      [name, `81 /${n} iz`],
      [name, `83 /${n} ib`],
    ]),
    ...family({ ...shared, size: 'b' }, [
      [name, `${at(2)} /r`],
      [name, `${at(4)} ib`],
    ]),
    ...family({ ...shared, size: 'v' }, [
      [name, `${at(3)} /r`],
      [name, `${at(5)} iz`],
    ]),
    { ...shared, name, encoding: `82 /${n} ib`, size: 'b', lock, only: 32 },
  ];
});

const unary: Template[] = [
  ...family({ size: 'b', undefined: 'A' }, [
    ['TEST', '84 /r'],
    ['TEST', 'A8 ib'],
    ['TEST', 'F6 /0 ib'],
  ]),
  ...family({ size: 'v', undefined: 'A' }, [
    ['TEST', '85 /r'],
    ['TEST', 'A9 iz'],
    ['TEST', 'F7 /0 iz'],
  ]),
  ...family({ size: 'b', lock: true }, [
    ['NOT', 'F6 /2'],
    ['NEG', 'F6 /3'],
    ['INC', 'FE /0'],
    ['DEC', 'FE /1'],
  ]),
  ...family({ size: 'v', lock: true }, [
    ['NOT', 'F7 /2'],
    ['NEG', 'F7 /3'],
    ['INC', 'FF /0'],
    ['DEC', 'FF /1'],
  ]),
  ...family({ size: 'v', only: 32 }, [
    ['INC', '40+r'],
    ['DEC', '48+r'],
  ]),
];

/** Makes half of the dividends small enough for their quotient to fit. */
function dividend(instance: Instance): void {
  const { random, size } = instance;
  if (random.chance(0.5)) return;
  const isSigned = instance.template.name === 'IDIV';
  if (size === 8) {
    const value = random.u64();
    instance.set(R.AX, isSigned ? BigInt.asIntN(8, value) : BigInt.asUintN(8, value), 16);
    return;
  }
  const low = BigInt.asIntN(size, instance.gpr(R.AX));
  instance.known.add(R.AX);
  instance.set(R.DX, isSigned && low < 0n ? -1n : BigInt(random.below(random.pick([1, 1, 3, 100]))), size);
}

const multiplyDivide: Template[] = [
  ...family({ size: 'b', undefined: 'SZAP' }, [
    ['MUL', 'F6 /4'],
    ['IMUL', 'F6 /5'],
  ]),
  ...family({ size: 'v', undefined: 'SZAP' }, [
    ['MUL', 'F7 /4'],
    ['IMUL', 'F7 /5'],
    ['IMUL', '0F AF /r'],
    ['IMUL', '69 /r iz'],
    ['IMUL', '6B /r ib'],
  ]),
  ...family({ size: 'b', undefined: 'OSZAPC', setup: dividend, weight: 2 }, [
    ['DIV', 'F6 /6'],
    ['IDIV', 'F6 /7'],
  ]),
  ...family({ size: 'v', undefined: 'OSZAPC', setup: dividend, weight: 2 }, [
    ['DIV', 'F7 /6'],
    ['IDIV', 'F7 /7'],
  ]),
];

const moves: Template[] = [
  ...family({ size: 'b' }, [
    ['MOV', '88 /r'],
    ['MOV', '8A /r'],
    ['MOV', 'C6 /0 ib'],
    ['MOV', 'B0+r ib'],
    ['MOV', 'A0 moffs'],
    ['MOV', 'A2 moffs'],
  ]),
  ...family({ size: 'v' }, [
    ['MOV', '89 /r'],
    ['MOV', '8B /r'],
    ['MOV', 'C7 /0 iz'],
    ['MOV', 'B8+r iv'],
    ['MOV', 'A1 moffs'],
    ['MOV', 'A3 moffs'],
    ['XCHG', '90+r'],
    ['CBW CWDE CDQE', '98'],
    ['CWD CDQ CQO', '99'],
    ['NOP', '0F 1F /0'],
  ]),
  ...family({ size: 'v', memory: 1 }, [
    ['MOVZX', '0F B6 /r'],
    ['MOVSX', '0F BE /r'],
  ]),
  ...family({ size: 'v', memory: 2 }, [
    ['MOVZX', '0F B7 /r'],
    ['MOVSX', '0F BF /r'],
  ]),
  { name: 'MOVSXD', encoding: '63 /r', size: 'y', memory: 4, only: 64 },
  { name: 'LEA', encoding: '8D /r', size: 'v', form: 'computed', weight: 4 },
  { name: 'BSWAP', encoding: '0F C8+r', size: 'y' },
  ...family({ size: 'b', lock: true }, [
    ['XCHG', '86 /r'],
    ['XADD', '0F C0 /r'],
  ]),
  ...family({ size: 'v', lock: true }, [
    ['XCHG', '87 /r'],
    ['XADD', '0F C1 /r'],
  ]),
  { name: 'MOVNTI', encoding: '0F C3 /r', size: 'y', form: 'memory' },
];

/** Makes half of the comparisons succeed. */
function comparand(instance: Instance): void {
  const { random, size, rm, target } = instance;
  if (random.chance(0.5) || instance.known.has(R.AX)) return;
  if (rm === null && target !== null) instance.set(R.AX, instance.peek(target, size / 8), size);
  else if (rm !== null && (size > 8 || rm < 4)) instance.set(R.AX, instance.gpr(rm), size);
}

function widePair(instance: Instance): void {
  const { random, target, known } = instance;
  if (random.chance(0.5) || target === null || known.has(R.AX) || known.has(R.DX)) return;
  const half = instance.memorySize / 2;
  instance.set(R.AX, instance.peek(target, half), 8 * half);
  instance.set(R.DX, instance.peek(target + half, half), 8 * half);
}

const exchanges: Template[] = [
  { name: 'CMPXCHG', encoding: '0F B0 /r', size: 'b', lock: true, finish: comparand, weight: 2 },
  { name: 'CMPXCHG', encoding: '0F B1 /r', size: 'v', lock: true, finish: comparand, weight: 2 },
  {
    name: 'CMPXCHG8B',
    encoding: '0F C7 /1',
    size: 'd',
    memory: 8,
    form: 'memory',
    lock: true,
    finish: widePair,
    weight: 2,
  },
  {
    name: 'CMPXCHG16B',
    encoding: 'REX.W 0F C7 /1',
    size: 'd',
    memory: 16,
    form: 'memory',
    aligned: true,
    lock: true,
    finish: widePair,
    only: 64,
    weight: 2,
  },
];

const countMask = (instance: Instance) => (instance.size === 64 ? 63 : 31);

/** The count of a shift: its immediate, 1, or CL. */
function shiftCount(instance: Instance): number {
  const { encoding } = instance.template;
  const fixed = / ib$/.test(encoding) ? Number(instance.immediate) : /^D[01]/.test(encoding) ? 1 : null;
  return (fixed ?? (instance.state.bytes[OFFSET.gpr + 8 * R.CX] as number)) & countMask(instance);
}

function undefinedByShift(instance: Instance): string {
  const count = shiftCount(instance);
  if (count === 0) return '';
  const overflow = count === 1 ? '' : 'O';
  if (/^R(O|C)/.test(instance.template.name)) return overflow;
  const carry = instance.template.name !== 'SAR' && count >= instance.size ? 'C' : '';
  return `${overflow}${carry}A`;
}

function undefinedByDoubleShift(instance: Instance): string {
  const count = shiftCount(instance);
  if (count === 0) return '';
  return count === 1 ? 'A' : 'OA';
}

/** Mostly counts around the operand size. */
function clCount(instance: Instance): void {
  const { random } = instance;
  instance.set(R.CX, BigInt(random.chance(0.7) ? random.below(instance.size + 2) : random.below(256)), 8);
}

/** Counts above the operand size give an undefined result; these are at most equal to it. */
function doubleShiftCount(instance: Instance): void {
  const count = BigInt(instance.random.below(Math.min(instance.size, countMask(instance)) + 1));
  if (instance.template.encoding.endsWith('ib')) instance.chosenImmediate = [count];
  else instance.set(R.CX, count, 8);
}

const SHIFTS = ['ROL', 'ROR', 'RCL', 'RCR', 'SHL', 'SHR', 'SHL', 'SAR'] as const;

const shifts: Template[] = [
  ...SHIFTS.flatMap((name, n) => {
    const shared = { undefined: undefinedByShift };
    return [
      ...family({ ...shared, size: 'b' }, [
        [name, `C0 /${n} ib`],
        [name, `D0 /${n}`],
      ]),
      ...family({ ...shared, size: 'v' }, [
        [name, `C1 /${n} ib`],
        [name, `D1 /${n}`],
      ]),
      { ...shared, name, encoding: `D2 /${n}`, size: 'b' as const, setup: clCount },
      { ...shared, name, encoding: `D3 /${n}`, size: 'v' as const, setup: clCount },
    ];
  }),
  ...family({ size: 'v', undefined: undefinedByDoubleShift, setup: doubleShiftCount, weight: 2 }, [
    ['SHLD', '0F A4 /r ib'],
    ['SHLD', '0F A5 /r'],
    ['SHRD', '0F AC /r ib'],
    ['SHRD', '0F AD /r'],
  ]),
];

/** A bit offset in a register reaches memory before and behind the operand: keeps it inside the window. */
function bitOffset(instance: Instance): void {
  if (instance.rm !== null) return;
  const { random, size } = instance;
  const bytes = size / 8;
  instance.target = Math.floor(random.between(96, 144) / bytes) * bytes;
  instance.set(instance.reg, BigInt(random.between(-8 * 88, 8 * 88)), size);
}

const bits: Template[] = [
  { name: 'BT', encoding: '0F A3 /r', size: 'v', undefined: 'OSAP', setup: bitOffset },
  { name: 'BT', encoding: '0F BA /4 ib', size: 'v', undefined: 'OSAP' },
  ...family({ size: 'v', lock: true, undefined: 'OSAP', setup: bitOffset }, [
    ['BTS', '0F AB /r'],
    ['BTR', '0F B3 /r'],
    ['BTC', '0F BB /r'],
  ]),
  ...family({ size: 'v', lock: true, undefined: 'OSAP' }, [
    ['BTS', '0F BA /5 ib'],
    ['BTR', '0F BA /6 ib'],
    ['BTC', '0F BA /7 ib'],
  ]),
  // With a zero source the destination keeps its value (APM volume 3; the SDM calls it undefined).
  ...family({ size: 'v', undefined: 'OSAPC', weight: 2 }, [
    ['BSF', '0F BC /r'],
    ['BSR', '0F BD /r'],
  ]),
  { name: 'POPCNT', encoding: 'F3 0F B8 /r', size: 'v' },
  { name: 'CRC32', encoding: 'F2 0F 38 F0 /r', size: 'b' },
  { name: 'CRC32', encoding: 'F2 0F 38 F1 /r', size: 'v' },
];

const conditional: Template[] = Array.from({ length: 16 }, (_, condition) =>
  condition.toString(16).toUpperCase(),
).flatMap((digit): Template[] => [
  { name: 'SETcc', encoding: `0F 9${digit} /0`, size: 'b' },
  { name: 'CMOVcc', encoding: `0F 4${digit} /r`, size: 'v' },
]);

const flags: Template[] = family({ size: 'd', weight: 0.5 }, [
  ['LAHF', '9F'],
  ['SAHF', '9E'],
  ['CLC', 'F8'],
  ['STC', 'F9'],
  ['CMC', 'F5'],
  ['CLD', 'FC'],
  ['STD', 'FD'],
  ['UD2', '0F 0B'],
  ['LFENCE', '0F AE E8'],
  ['MFENCE', '0F AE F0'],
  ['SFENCE', '0F AE F8'],
  ['PAUSE', 'F3 90'],
]);

const decimal: Template[] = [
  ...family({ size: 'd', only: 32, undefined: 'O', weight: 3 }, [
    ['DAA', '27'],
    ['DAS', '2F'],
  ]),
  ...family({ size: 'd', only: 32, undefined: 'OSZP', weight: 3 }, [
    ['AAA', '37'],
    ['AAS', '3F'],
  ]),
  ...family({ size: 'd', only: 32, undefined: 'OAC', weight: 3 }, [
    ['AAM', 'D4 ib'],
    ['AAD', 'D5 ib'],
  ]),
  { name: 'ARPL', encoding: '63 /r', size: 'w', only: 32 },
];

/** One-byte opcodes that 64-bit code does not have. */
const invalid: Template[] = family(
  { size: 'd', only: 64, plain: true, weight: 0.1 },
  '06 07 0E 16 17 1E 1F 27 2F 37 3F 60 61 82 9A CE D4 D5 EA'
    .split(' ')
    .map((opcode): [string, string] => ['invalid', opcode]),
);

/** Instructions of CPL 0, and of IOPL: #GP in user code. */
const privileged: Template[] = [
  ...family({ size: 'd', weight: 0.05 }, [
    ['HLT', 'F4'],
    ['CLI', 'FA'],
    ['STI', 'FB'],
    ['IN', 'E4 ib'],
    ['IN', 'EC'],
    ['OUT', 'E6 ib'],
    ['OUT', 'EF'],
    ['CLTS', '0F 06'],
    ['INVD', '0F 08'],
    ['WBINVD', '0F 09'],
    ['WRMSR', '0F 30'],
    ['RDMSR', '0F 32'],
  ]),
  ...family({ size: 'd', form: 'memory', memory: 2, weight: 0.05 }, [
    ['LLDT', '0F 00 /2'],
    ['LTR', '0F 00 /3'],
    ['LMSW', '0F 01 /6'],
    ['INVLPG', '0F 01 /7'],
  ]),
];

/** Hints and cache control: no effect that a program can see, but CLFLUSH needs a readable address. */
const cache: Template[] = family({ size: 'd', form: 'memory', memory: 1, weight: 0.2 }, [
  ['PREFETCHNTA', '0F 18 /0'],
  ['PREFETCHT0', '0F 18 /1'],
  ['CLFLUSH', '0F AE /7'],
]);

export const INTEGER: readonly Template[] = [
  ...alu,
  ...unary,
  ...multiplyDivide,
  ...moves,
  ...exchanges,
  ...shifts,
  ...bits,
  ...conditional,
  ...flags,
  ...decimal,
  ...invalid,
  ...privileged,
  ...cache,
];
