/** Floating-point SSE, SSE2, SSE3 and SSE4.1, with MXCSR (SDM volume 2). */
import type { Data, Profile } from '../initial.ts';
import type { Instance } from '../instance.ts';
import { family, type Template } from '../template.ts';

const profile = (data: 'single' | 'double'): Profile => ({ memory: data, xmm: data });
const converting = (memory: Data, xmm: 'single' | 'double' | 'integer'): Profile => ({
  memory,
  xmm,
  x87: 'mmx',
});

/** The four forms of an operation by mandatory prefix: packed and scalar, single and double. */
const PS = { size: 'd', memory: 16, aligned: true, profile: profile('single') } as const;
const PD = { size: 'd', memory: 16, aligned: true, profile: profile('double') } as const;
const SS = { size: 'd', memory: 4, profile: profile('single') } as const;
const SD = { size: 'd', memory: 8, profile: profile('double') } as const;

const FOUR = [
  ['PS', '', PS],
  ['PD', '66 ', PD],
  ['SS', 'F3 ', SS],
  ['SD', 'F2 ', SD],
] as const;

const four = (name: string, opcode: string): Template[] =>
  FOUR.map(([suffix, prefix, form]) => ({
    ...form,
    name: `${name}${suffix}`,
    encoding: `${prefix}0F ${opcode}`,
    weight: 2,
  }));
const packed = (name: string, opcode: string): Template[] => four(name, opcode).slice(0, 2);

/** Predicates 0-7; the bits above are reserved. */
const predicate = (instance: Instance) => {
  instance.chosenImmediate = [BigInt(instance.random.below(8))];
};

const arithmetic: Template[] = [
  ...four('ADD', '58 /r'),
  ...four('MUL', '59 /r'),
  ...four('SUB', '5C /r'),
  ...four('MIN', '5D /r'),
  ...four('DIV', '5E /r'),
  ...four('MAX', '5F /r'),
  ...four('SQRT', '51 /r'),
  ...four('CMP', 'C2 /r ib').map((template) => ({ ...template, setup: predicate })),
  ...packed('AND', '54 /r'),
  ...packed('ANDN', '55 /r'),
  ...packed('OR', '56 /r'),
  ...packed('XOR', '57 /r'),
  ...packed('UNPCKL', '14 /r'),
  ...packed('UNPCKH', '15 /r'),
  ...packed('SHUF', 'C6 /r ib'),
  ...family(SS, [
    ['UCOMISS', '0F 2E /r'],
    ['COMISS', '0F 2F /r'],
  ]),
  ...family(SD, [
    ['UCOMISD', '66 0F 2E /r'],
    ['COMISD', '66 0F 2F /r'],
  ]),
  ...family(PS, [
    ['HADDPS', 'F2 0F 7C /r'],
    ['HSUBPS', 'F2 0F 7D /r'],
    ['ADDSUBPS', 'F2 0F D0 /r'],
    ['MOVSLDUP', 'F3 0F 12 /r'],
    ['MOVSHDUP', 'F3 0F 16 /r'],
    ['BLENDVPS', '66 0F 38 14 /r'],
    ['BLENDPS', '66 0F 3A 0C /r ib'],
    ['ROUNDPS', '66 0F 3A 08 /r ib'],
    ['DPPS', '66 0F 3A 40 /r ib'],
  ]),
  ...family(PD, [
    ['HADDPD', '66 0F 7C /r'],
    ['HSUBPD', '66 0F 7D /r'],
    ['ADDSUBPD', '66 0F D0 /r'],
    ['BLENDVPD', '66 0F 38 15 /r'],
    ['BLENDPD', '66 0F 3A 0D /r ib'],
    ['ROUNDPD', '66 0F 3A 09 /r ib'],
    ['DPPD', '66 0F 3A 41 /r ib'],
  ]),
  { ...SD, name: 'MOVDDUP', encoding: 'F2 0F 12 /r' },
  ...family(SS, [
    ['ROUNDSS', '66 0F 3A 0A /r ib'],
    ['INSERTPS', '66 0F 3A 21 /r ib'],
  ]),
  { ...SD, name: 'ROUNDSD', encoding: '66 0F 3A 0B /r ib' },
];

const moves: Template[] = [
  ...family({ ...PS, aligned: false }, [
    ['MOVUPS', '0F 10 /r'],
    ['MOVUPS', '0F 11 /r'],
  ]),
  ...family({ ...PD, aligned: false }, [
    ['MOVUPD', '66 0F 10 /r'],
    ['MOVUPD', '66 0F 11 /r'],
  ]),
  ...family(SS, [
    ['MOVSS', 'F3 0F 10 /r'],
    ['MOVSS', 'F3 0F 11 /r'],
  ]),
  ...family(SD, [
    ['MOVSD', 'F2 0F 10 /r'],
    ['MOVSD', 'F2 0F 11 /r'],
  ]),
  ...packed('MOVA', '28 /r'),
  ...packed('MOVA', '29 /r'),
  ...packed('MOVNT', '2B /r').map((template): Template => ({ ...template, form: 'memory' })),
  ...packed('MOVMSK', '50 /r').map((template): Template => ({ ...template, form: 'register' })),
  ...family({ ...PS, aligned: false, memory: 8 }, [
    ['MOVLPS MOVHLPS', '0F 12 /r'],
    ['MOVHPS MOVLHPS', '0F 16 /r'],
  ]),
  ...family({ ...PS, aligned: false, memory: 8, form: 'memory' }, [
    ['MOVLPS', '0F 13 /r'],
    ['MOVHPS', '0F 17 /r'],
  ]),
  ...family({ ...SD, form: 'memory' }, [
    ['MOVLPD', '66 0F 12 /r'],
    ['MOVLPD', '66 0F 13 /r'],
    ['MOVHPD', '66 0F 16 /r'],
    ['MOVHPD', '66 0F 17 /r'],
  ]),
  { ...SS, name: 'EXTRACTPS', encoding: '66 0F 3A 17 /r ib' },
];

const conversions: Template[] = [
  {
    name: 'CVTPS2PD',
    encoding: '0F 5A /r',
    size: 'd',
    memory: 8,
    profile: converting('single', 'single'),
    weight: 2,
  },
  { ...PD, name: 'CVTPD2PS', encoding: '66 0F 5A /r', weight: 2 },
  { ...SS, name: 'CVTSS2SD', encoding: 'F3 0F 5A /r', weight: 2 },
  { ...SD, name: 'CVTSD2SS', encoding: 'F2 0F 5A /r', weight: 2 },
  { ...PS, name: 'CVTDQ2PS', encoding: '0F 5B /r', profile: converting('integer', 'integer') },
  ...family(PS, [
    ['CVTPS2DQ', '66 0F 5B /r'],
    ['CVTTPS2DQ', 'F3 0F 5B /r'],
  ]),
  {
    name: 'CVTDQ2PD',
    encoding: 'F3 0F E6 /r',
    size: 'd',
    memory: 8,
    profile: converting('integer', 'integer'),
  },
  ...family(PD, [
    ['CVTPD2DQ', 'F2 0F E6 /r'],
    ['CVTTPD2DQ', '66 0F E6 /r'],
  ]),
  { name: 'CVTPI2PS', encoding: '0F 2A /r', size: 'd', memory: 8, profile: converting('integer', 'single') },
  {
    name: 'CVTPI2PD',
    encoding: '66 0F 2A /r',
    size: 'd',
    memory: 8,
    profile: converting('integer', 'double'),
  },
  ...family({ size: 'd', memory: 8, profile: converting('single', 'single') }, [
    ['CVTTPS2PI', '0F 2C /r'],
    ['CVTPS2PI', '0F 2D /r'],
  ]),
  ...family({ ...PD, profile: converting('double', 'double') }, [
    ['CVTTPD2PI', '66 0F 2C /r'],
    ['CVTPD2PI', '66 0F 2D /r'],
  ]),
  { name: 'CVTSI2SS', encoding: 'F3 0F 2A /r', size: 'y', profile: converting('integer', 'single') },
  { name: 'CVTSI2SD', encoding: 'F2 0F 2A /r', size: 'y', profile: converting('integer', 'double') },
  ...family({ size: 'y', memory: 4, profile: profile('single') }, [
    ['CVTTSS2SI', 'F3 0F 2C /r'],
    ['CVTSS2SI', 'F3 0F 2D /r'],
  ]),
  ...family({ size: 'y', memory: 8, profile: profile('double') }, [
    ['CVTTSD2SI', 'F2 0F 2C /r'],
    ['CVTSD2SI', 'F2 0F 2D /r'],
  ]),
];

/** A control and status word to load: sometimes with a reserved bit, which is a #GP. */
function controlWord(instance: Instance): void {
  const { random, target } = instance;
  if (target !== null)
    instance.poke(target, BigInt(random.u32() & (random.chance(0.1) ? 0x1ffff : 0xffff)), 4);
}

const control: Template[] = [
  { ...SS, form: 'memory', name: 'LDMXCSR', encoding: '0F AE /2', finish: controlWord },
  { ...SS, form: 'memory', name: 'STMXCSR', encoding: '0F AE /3' },
];

export const SSE: readonly Template[] = [...arithmetic, ...moves, ...conversions, ...control];

/** Reciprocal estimates: each processor model has its own low bits. */
export const ESTIMATES: readonly Template[] = [
  ...family({ ...PS, tolerance: 'estimate' }, [
    ['RSQRTPS', '0F 52 /r'],
    ['RCPPS', '0F 53 /r'],
  ]),
  ...family({ ...SS, tolerance: 'estimate' }, [
    ['RSQRTSS', 'F3 0F 52 /r'],
    ['RCPSS', 'F3 0F 53 /r'],
  ]),
];
