/** The x87 FPU (SDM volume 2; condition codes: volume 1, "x87 FPU Status Register"). */
import type { Data, Profile } from '../initial.ts';
import type { Instance } from '../instance.ts';
import { OFFSET, WINDOW_SIZE } from '../layout.ts';
import { family, type Template } from '../template.ts';

/** Condition codes in the status word. */
const C0 = 0x0100;
const C2 = 0x0400;
const C3 = 0x4000;
const ALL_BUT_C1 = C0 | C2 | C3;

const profile = (memory: Data): Profile => ({ memory, x87: 'extended' });
const shared = { size: 'd', undefinedStatus: ALL_BUT_C1, profile: profile('integer') } as const;

/** Memory operands: bytes and contents. */
const M32 = { ...shared, form: 'memory', memory: 4, profile: profile('single') } as const;
const M64 = { ...shared, form: 'memory', memory: 8, profile: profile('double') } as const;
const M80 = { ...shared, form: 'memory', memory: 10, profile: profile('extended') } as const;
const I16 = { ...shared, form: 'memory', memory: 2 } as const;
const I32 = { ...shared, form: 'memory', memory: 4 } as const;
const I64 = { ...shared, form: 'memory', memory: 8 } as const;
const BCD = { ...shared, form: 'memory', memory: 10, profile: profile('decimal') } as const;
const COMPARE = { undefinedStatus: 0 } as const;

const ARITHMETIC = ['FADD', 'FMUL', 'FCOM', 'FCOMP', 'FSUB', 'FSUBR', 'FDIV', 'FDIVR'] as const;
const isComparison = (name: string) => name.startsWith('FCOM');

const arithmetic: Template[] = ARITHMETIC.flatMap((name, n) => {
  const status = isComparison(name) ? COMPARE : {};
  const opcode = (0xc0 + 8 * n).toString(16).toUpperCase();
  // The opcodes with ST(i) as destination have SUB and SUBR, DIV and DIVR the other way round.
  const swapped = (0xc0 + 8 * (n < 4 ? n : n ^ 1)).toString(16).toUpperCase();
  return [
    { ...M32, ...status, name, encoding: `D8 /${n}` },
    { ...M64, ...status, name, encoding: `DC /${n}` },
    { ...I32, ...status, name: name.replace('F', 'FI'), encoding: `DA /${n}` },
    { ...I16, ...status, name: name.replace('F', 'FI'), encoding: `DE /${n}` },
    { ...shared, ...status, name: `${name} ST(0),ST(i)`, encoding: `D8 ${opcode}+i`, weight: 3 },
    ...(isComparison(name)
      ? []
      : family({ ...shared, weight: 2 }, [
          [`${name} ST(i),ST(0)`, `DC ${swapped}+i`],
          [`${name}P`, `DE ${swapped}+i`],
        ])),
  ];
});

const loads: Template[] = [
  { ...M32, name: 'FLD m32', encoding: 'D9 /0' },
  { ...M64, name: 'FLD m64', encoding: 'DD /0' },
  { ...M80, name: 'FLD m80', encoding: 'DB /5' },
  { ...I16, name: 'FILD m16', encoding: 'DF /0' },
  { ...I32, name: 'FILD m32', encoding: 'DB /0' },
  { ...I64, name: 'FILD m64', encoding: 'DF /5' },
  { ...BCD, name: 'FBLD', encoding: 'DF /4', weight: 2 },
  ...family(shared, [
    ['FLD ST(i)', 'D9 C0+i'],
    ['FXCH', 'D9 C8+i'],
    ['FLD1', 'D9 E8'],
    ['FLDL2T', 'D9 E9'],
    ['FLDL2E', 'D9 EA'],
    ['FLDPI', 'D9 EB'],
    ['FLDLG2', 'D9 EC'],
    ['FLDLN2', 'D9 ED'],
    ['FLDZ', 'D9 EE'],
    ['FCMOVB', 'DA C0+i'],
    ['FCMOVE', 'DA C8+i'],
    ['FCMOVBE', 'DA D0+i'],
    ['FCMOVU', 'DA D8+i'],
    ['FCMOVNB', 'DB C0+i'],
    ['FCMOVNE', 'DB C8+i'],
    ['FCMOVNBE', 'DB D0+i'],
    ['FCMOVNU', 'DB D8+i'],
  ]),
];

const stores: Template[] = [
  ...family({ ...M32, weight: 2 }, [
    ['FST m32', 'D9 /2'],
    ['FSTP m32', 'D9 /3'],
  ]),
  ...family({ ...M64, weight: 2 }, [
    ['FST m64', 'DD /2'],
    ['FSTP m64', 'DD /3'],
  ]),
  { ...M80, name: 'FSTP m80', encoding: 'DB /7' },
  ...family(I16, [
    ['FIST m16', 'DF /2'],
    ['FISTP m16', 'DF /3'],
    ['FISTTP m16', 'DF /1'],
  ]),
  ...family(I32, [
    ['FIST m32', 'DB /2'],
    ['FISTP m32', 'DB /3'],
    ['FISTTP m32', 'DB /1'],
  ]),
  ...family(I64, [
    ['FISTP m64', 'DF /7'],
    ['FISTTP m64', 'DD /1'],
  ]),
  { ...BCD, name: 'FBSTP', encoding: 'DF /6', weight: 2 },
  ...family(shared, [
    ['FST ST(i)', 'DD D0+i'],
    ['FSTP ST(i)', 'DD D8+i'],
  ]),
];

const comparisons: Template[] = family({ ...shared, ...COMPARE }, [
  ['FCOMPP', 'DE D9'],
  ['FUCOM', 'DD E0+i'],
  ['FUCOMP', 'DD E8+i'],
  ['FUCOMPP', 'DA E9'],
  ['FCOMI', 'DB F0+i'],
  ['FCOMIP', 'DF F0+i'],
  ['FUCOMI', 'DB E8+i'],
  ['FUCOMIP', 'DF E8+i'],
  ['FTST', 'D9 E4'],
  ['FXAM', 'D9 E5'],
]);

/** Makes half of the divisions of FPREM small enough to finish in one step. */
function remainder(instance: Instance): void {
  if (instance.random.chance(0.5)) return;
  const exponent = (register: number) => OFFSET.st / 2 + 8 * register + 4;
  const { u16 } = instance.state;
  const divisor = (u16[exponent(1)] as number) & 0x7fff;
  const wanted = divisor + instance.random.between(-2, 66);
  if (divisor > 64 && wanted < 0x7fff) u16[exponent(0)] = ((u16[exponent(0)] as number) & 0x8000) | wanted;
}

/** Makes most scales of FSCALE, in ST(1), small numbers. */
function scale(instance: Instance): void {
  const { random, state } = instance;
  if (random.chance(0.3)) return;
  const at = OFFSET.st / 2 + 8 + 4;
  state.u16[at] = ((state.u16[at] as number) & 0x8000) | (0x3fff + random.between(-3, 15));
}

const other: Template[] = [
  ...family({ ...shared, weight: 2 }, [
    ['FSQRT', 'D9 FA'],
    ['FRNDINT', 'D9 FC'],
    ['FXTRACT', 'D9 F4'],
  ]),
  { ...shared, name: 'FSCALE', encoding: 'D9 FD', setup: scale, weight: 3 },
  ...family({ ...shared, undefinedStatus: 0, setup: remainder, weight: 4 }, [
    ['FPREM', 'D9 F8'],
    ['FPREM1', 'D9 F5'],
  ]),
  ...family(shared, [
    ['FCHS', 'D9 E0'],
    ['FABS', 'D9 E1'],
    ['FDECSTP', 'D9 F6'],
    ['FINCSTP', 'D9 F7'],
    ['FFREE', 'DD C0+i'],
    ['FNOP', 'D9 D0'],
    ['FNCLEX', 'DB E2'],
    ['FWAIT', '9B'],
    ['FNSTSW AX', 'DF E0'],
  ]),
  { ...shared, undefinedStatus: 0, name: 'FNINIT', encoding: 'DB E3' },
  ...family({ ...I16, undefinedStatus: ALL_BUT_C1 | 0x0200 }, [
    ['FLDCW', 'D9 /5'],
    ['FNSTCW', 'D9 /7'],
  ]),
  { ...I16, name: 'FNSTSW m16', encoding: 'DD /7' },
];

/** The instruction, opcode and data pointers in a stored environment: processor models differ in when they keep them. */
const ignorePointers = (offset: number, length: number) => (instance: Instance) => {
  const start = (instance.target ?? 0) + offset;
  if (start < WINDOW_SIZE)
    instance.ignored = { offset: start, length: Math.min(length, WINDOW_SIZE - start) };
};

const ENVIRONMENT = { ...shared, form: 'memory', undefinedStatus: 0 } as const;

const environment: Template[] = [
  { ...ENVIRONMENT, name: 'FLDENV', encoding: 'D9 /4', memory: 28 },
  { ...ENVIRONMENT, name: 'FLDENV m14', encoding: '66 D9 /4', memory: 14 },
  { ...ENVIRONMENT, name: 'FNSTENV', encoding: 'D9 /6', memory: 28, finish: ignorePointers(12, 16) },
  { ...ENVIRONMENT, name: 'FNSTENV m14', encoding: '66 D9 /6', memory: 14, finish: ignorePointers(6, 8) },
  { ...ENVIRONMENT, name: 'FRSTOR', encoding: 'DD /4', memory: 108 },
  { ...ENVIRONMENT, name: 'FRSTOR m94', encoding: '66 DD /4', memory: 94 },
  { ...ENVIRONMENT, name: 'FNSAVE', encoding: 'DD /6', memory: 108, finish: ignorePointers(12, 16) },
  { ...ENVIRONMENT, name: 'FNSAVE m94', encoding: '66 DD /6', memory: 94, finish: ignorePointers(6, 8) },
];

export const X87: readonly Template[] = [
  ...arithmetic,
  ...loads,
  ...stores,
  ...comparisons,
  ...other,
  ...environment,
];

/** Keeps the exponent of ST(0) below a limit: outside the source's range the result is undefined. */
const smallSource = (largest: number) => (instance: Instance) => {
  const at = OFFSET.st / 2 + 4;
  const { u16 } = instance.state;
  const word = u16[at] as number;
  if ((word & 0x7fff) !== 0x7fff && (word & 0x7fff) > largest) {
    u16[at] = (word & 0x8000) | (largest - instance.random.below(40));
  }
};

const TRANSCENDENTAL_SHARED = { ...shared, undefinedStatus: ALL_BUT_C1 | 0x0200, tolerance: 'ulp' } as const;
/** FSIN and its kin say in C2 whether the source was in range. */
const TRIGONOMETRIC = { ...TRANSCENDENTAL_SHARED, undefinedStatus: C0 | 0x0200 | C3 } as const;

export const TRANSCENDENTAL: readonly Template[] = [
  { ...TRANSCENDENTAL_SHARED, name: 'F2XM1', encoding: 'D9 F0', setup: smallSource(0x3ffe) },
  { ...TRANSCENDENTAL_SHARED, name: 'FYL2XP1', encoding: 'D9 F9', setup: smallSource(0x3ffc) },
  ...family(TRANSCENDENTAL_SHARED, [
    ['FYL2X', 'D9 F1'],
    ['FPATAN', 'D9 F3'],
  ]),
  ...family(TRIGONOMETRIC, [
    ['FSIN', 'D9 FE'],
    ['FCOS', 'D9 FF'],
    ['FSINCOS', 'D9 FB'],
    ['FPTAN', 'D9 F2'],
  ]),
];
