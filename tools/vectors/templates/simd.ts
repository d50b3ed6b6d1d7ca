/** Integer MMX, SSE2, SSSE3, SSE4.1 and SSE4.2 (SDM volume 2). */
import type { Profile } from '../initial.ts';
import type { Instance } from '../instance.ts';
import { R, WINDOW_SIZE } from '../layout.ts';
import { family, type Template } from '../template.ts';

const INTEGERS: Profile = { memory: 'integer', xmm: 'integer' };
const MMX_INTEGERS: Profile = { memory: 'integer', x87: 'mmx' };
const BOTH: Profile = { memory: 'integer', xmm: 'integer', x87: 'mmx' };

const XMM = { size: 'd', memory: 16, aligned: true, profile: INTEGERS } as const;
const MMX = { size: 'd', memory: 8, profile: MMX_INTEGERS } as const;

/** Operations of two vectors that MMX and SSE2 share: mnemonic and opcode. */
const SHARED = `PUNPCKLBW 60, PUNPCKLWD 61, PUNPCKLDQ 62, PACKSSWB 63, PCMPGTB 64, PCMPGTW 65, PCMPGTD 66, PACKUSWB 67,
  PUNPCKHBW 68, PUNPCKHWD 69, PUNPCKHDQ 6A, PACKSSDW 6B, PCMPEQB 74, PCMPEQW 75, PCMPEQD 76, PSRLW D1, PSRLD D2, PSRLQ D3,
  PADDQ D4, PMULLW D5, PSUBUSB D8, PSUBUSW D9, PMINUB DA, PAND DB, PADDUSB DC, PADDUSW DD, PMAXUB DE, PANDN DF, PAVGB E0,
  PSRAW E1, PSRAD E2, PAVGW E3, PMULHUW E4, PMULHW E5, PSUBSB E8, PSUBSW E9, PMINSW EA, POR EB, PADDSB EC, PADDSW ED,
  PMAXSW EE, PXOR EF, PSLLW F1, PSLLD F2, PSLLQ F3, PMULUDQ F4, PMADDWD F5, PSADBW F6, PSUBB F8, PSUBW F9, PSUBD FA,
  PSUBQ FB, PADDB FC, PADDW FD, PADDD FE, PSHUFB 38 00, PHADDW 38 01, PHADDD 38 02, PHADDSW 38 03, PMADDUBSW 38 04,
  PHSUBW 38 05, PHSUBD 38 06, PHSUBSW 38 07, PSIGNB 38 08, PSIGNW 38 09, PSIGND 38 0A, PMULHRSW 38 0B, PABSB 38 1C,
  PABSW 38 1D, PABSD 38 1E`;

const shared = SHARED.split(',').map((item): [name: string, opcode: string] => {
  const [name = '', ...opcode] = item.trim().split(' ');
  return [name, opcode.join(' ')];
});

/** Shifts by an immediate: opcode and ModRM.reg. */
const SHIFTS = [
  ['PSRLW', '71 /2'],
  ['PSRAW', '71 /4'],
  ['PSLLW', '71 /6'],
  ['PSRLD', '72 /2'],
  ['PSRAD', '72 /4'],
  ['PSLLD', '72 /6'],
  ['PSRLQ', '73 /2'],
  ['PSLLQ', '73 /6'],
] as const;

/** Mostly counts that leave something. */
const shiftImmediate = (instance: Instance) => {
  const { random } = instance;
  instance.chosenImmediate = [BigInt(random.chance(0.85) ? random.below(66) : random.below(256))];
};

/** MASKMOVQ and MASKMOVDQU store where RDI points. */
function maskedStore(instance: Instance): void {
  const size = instance.memorySize;
  instance.set(R.DI, instance.linear(instance.random.below(WINDOW_SIZE - size)), instance.addressSize);
}

const mmx: Template[] = [
  ...family(
    MMX,
    shared.map(([name, opcode]) => [name, `0F ${opcode} /r`]),
  ),
  ...family(
    { ...MMX, form: 'register', setup: shiftImmediate },
    SHIFTS.map(([name, opcode]) => [name, `0F ${opcode} ib`]),
  ),
  ...family(MMX, [
    ['PSHUFW', '0F 70 /r ib'],
    ['PALIGNR', '0F 3A 0F /r ib'],
    ['MOVQ', '0F 6F /r'],
    ['MOVQ', '0F 7F /r'],
  ]),
  { ...MMX, name: 'MOVNTQ', encoding: '0F E7 /r', form: 'memory' },
  ...family({ ...MMX, memory: 4, size: 'y' }, [
    ['MOVD', '0F 6E /r'],
    ['MOVD', '0F 7E /r'],
  ]),
  { ...MMX, name: 'PINSRW', encoding: '0F C4 /r ib', memory: 2 },
  ...family({ ...MMX, form: 'register' }, [
    ['PEXTRW', '0F C5 /r ib'],
    ['PMOVMSKB', '0F D7 /r'],
  ]),
  {
    ...MMX,
    name: 'MASKMOVQ',
    encoding: '0F F7 /r',
    form: 'register',
    usesAddressSize: true,
    setup: maskedStore,
  },
  { ...MMX, name: 'EMMS', encoding: '0F 77' },
  ...family({ ...MMX, form: 'register', profile: BOTH }, [
    ['MOVQ2DQ', 'F3 0F D6 /r'],
    ['MOVDQ2Q', 'F2 0F D6 /r'],
  ]),
];

const sse2: Template[] = [
  ...family(
    XMM,
    shared.map(([name, opcode]) => [name, `66 0F ${opcode} /r`]),
  ),
  ...family({ ...XMM, form: 'register', setup: shiftImmediate }, [
    ...SHIFTS.map(([name, opcode]): [string, string] => [name, `66 0F ${opcode} ib`]),
    ['PSRLDQ', '66 0F 73 /3 ib'],
    ['PSLLDQ', '66 0F 73 /7 ib'],
  ]),
  ...family(XMM, [
    ['PUNPCKLQDQ', '66 0F 6C /r'],
    ['PUNPCKHQDQ', '66 0F 6D /r'],
    ['PSHUFD', '66 0F 70 /r ib'],
    ['PSHUFHW', 'F3 0F 70 /r ib'],
    ['PSHUFLW', 'F2 0F 70 /r ib'],
    ['PALIGNR', '66 0F 3A 0F /r ib'],
    ['MOVDQA', '66 0F 6F /r'],
    ['MOVDQA', '66 0F 7F /r'],
  ]),
  ...family({ ...XMM, aligned: false }, [
    ['MOVDQU', 'F3 0F 6F /r'],
    ['MOVDQU', 'F3 0F 7F /r'],
  ]),
  { ...XMM, name: 'MOVNTDQ', encoding: '66 0F E7 /r', form: 'memory' },
  { ...XMM, name: 'LDDQU', encoding: 'F2 0F F0 /r', form: 'memory', aligned: false },
  ...family({ size: 'd', memory: 8, profile: INTEGERS }, [
    ['MOVQ', 'F3 0F 7E /r'],
    ['MOVQ', '66 0F D6 /r'],
  ]),
  ...family({ size: 'y', profile: INTEGERS }, [
    ['MOVD MOVQ', '66 0F 6E /r'],
    ['MOVD MOVQ', '66 0F 7E /r'],
  ]),
  { size: 'd', memory: 2, profile: INTEGERS, name: 'PINSRW', encoding: '66 0F C4 /r ib' },
  ...family({ ...XMM, form: 'register' }, [
    ['PEXTRW', '66 0F C5 /r ib'],
    ['PMOVMSKB', '66 0F D7 /r'],
  ]),
  {
    ...XMM,
    name: 'MASKMOVDQU',
    encoding: '66 0F F7 /r',
    form: 'register',
    usesAddressSize: true,
    setup: maskedStore,
  },
];

/** PMOVSX and PMOVZX: the last digit of the opcode, what they widen, and how many bytes they read. */
const WIDENINGS = [
  ['BW', 0, 8],
  ['BD', 1, 4],
  ['BQ', 2, 2],
  ['WD', 3, 8],
  ['WQ', 4, 4],
  ['DQ', 5, 8],
] as const;

const sse4: Template[] = [
  ...WIDENINGS.flatMap(([name, digit, memory]) =>
    family({ size: 'd', memory, profile: INTEGERS }, [
      [`PMOVSX${name}`, `66 0F 38 2${digit} /r`],
      [`PMOVZX${name}`, `66 0F 38 3${digit} /r`],
    ]),
  ),
  ...family(XMM, [
    ['PBLENDVB', '66 0F 38 10 /r'],
    ['PTEST', '66 0F 38 17 /r'],
    ['PMULDQ', '66 0F 38 28 /r'],
    ['PCMPEQQ', '66 0F 38 29 /r'],
    ['PACKUSDW', '66 0F 38 2B /r'],
    ['PCMPGTQ', '66 0F 38 37 /r'],
    ['PMINSB', '66 0F 38 38 /r'],
    ['PMINSD', '66 0F 38 39 /r'],
    ['PMINUW', '66 0F 38 3A /r'],
    ['PMINUD', '66 0F 38 3B /r'],
    ['PMAXSB', '66 0F 38 3C /r'],
    ['PMAXSD', '66 0F 38 3D /r'],
    ['PMAXUW', '66 0F 38 3E /r'],
    ['PMAXUD', '66 0F 38 3F /r'],
    ['PMULLD', '66 0F 38 40 /r'],
    ['PHMINPOSUW', '66 0F 38 41 /r'],
    ['PBLENDW', '66 0F 3A 0E /r ib'],
    ['MPSADBW', '66 0F 3A 42 /r ib'],
  ]),
  { ...XMM, name: 'MOVNTDQA', encoding: '66 0F 38 2A /r', form: 'memory' },
  { size: 'd', memory: 1, profile: INTEGERS, name: 'PEXTRB', encoding: '66 0F 3A 14 /r ib' },
  { size: 'd', memory: 2, profile: INTEGERS, name: 'PEXTRW', encoding: '66 0F 3A 15 /r ib' },
  { size: 'd', memory: 1, profile: INTEGERS, name: 'PINSRB', encoding: '66 0F 3A 20 /r ib' },
  ...family({ size: 'y', profile: INTEGERS }, [
    ['PEXTRD PEXTRQ', '66 0F 3A 16 /r ib'],
    ['PINSRD PINSRQ', '66 0F 3A 22 /r ib'],
  ]),
];

/** Lengths of explicit-length strings: around 16, also negative. */
function lengths(instance: Instance): void {
  const { random } = instance;
  for (const register of [R.AX, R.DX]) {
    if (random.chance(0.9)) instance.set(register, BigInt(random.between(-20, 20)), 32);
  }
}

const TEXT = { size: 'd', memory: 16, profile: { memory: 'text', xmm: 'text' }, weight: 4 } as const;

const strings: Template[] = [
  ...family({ ...TEXT, setup: lengths }, [
    ['PCMPESTRM', '66 0F 3A 60 /r ib'],
    ['PCMPESTRI', '66 0F 3A 61 /r ib'],
  ]),
  ...family(TEXT, [
    ['PCMPISTRM', '66 0F 3A 62 /r ib'],
    ['PCMPISTRI', '66 0F 3A 63 /r ib'],
  ]),
];

export const MMX_TEMPLATES: readonly Template[] = mmx;
export const SIMD: readonly Template[] = [...sse2, ...sse4, ...strings];
