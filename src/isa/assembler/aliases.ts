/**
 * From NASM's mnemonics and operand shorthands to the forms iced knows: other spellings,
 * operands that may be left out, operands that may be swapped, shorter equivalents.
 */
import { constantOperand, type Operand, type RegisterOperand, registerOperand } from './operands.ts';
import { type RegisterInfo, resized } from './registers.ts';
import type { Bits } from './types.ts';
import { isScalar } from './value.ts';

/** Other spellings of the condition codes. */
const CONDITIONS: Readonly<Record<string, string>> = {
  c: 'b',
  nae: 'b',
  nc: 'ae',
  nb: 'ae',
  z: 'e',
  nz: 'ne',
  na: 'be',
  nbe: 'a',
  pe: 'p',
  po: 'np',
  nge: 'l',
  nl: 'ge',
  ng: 'le',
  nle: 'g',
};
const CONDITIONAL = ['j', 'set', 'cmov'];

/** Mnemonics that stand for one or several of iced's; of several, the one that needs no prefix is chosen. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  sal: ['shl'],
  retn: ['ret'],
  xlat: ['xlatb'],
  icebp: ['int1'],
  int01: ['int1'],
  int03: ['int3'],
  fwait: ['wait'],
  ud2a: ['ud2'],
  loopz: ['loope'],
  loopnz: ['loopne'],
  rep_nop: ['pause'],
  iret: ['iret', 'iretd', 'iretq'],
  iretw: ['iret'],
  pushf: ['pushf', 'pushfd', 'pushfq'],
  pushfw: ['pushf'],
  popf: ['popf', 'popfd', 'popfq'],
  popfw: ['popf'],
  pusha: ['pusha', 'pushad'],
  pushaw: ['pusha'],
  popa: ['popa', 'popad'],
  popaw: ['popa'],
  sysret: ['sysret', 'sysretq'],
  sysexit: ['sysexit', 'sysexitq'],
  fxsave: ['fxsave', 'fxsave64'],
  fxrstor: ['fxrstor', 'fxrstor64'],
  xsave: ['xsave', 'xsave64'],
  xrstor: ['xrstor', 'xrstor64'],
};

/** Mnemonics with an operand size in their name: base mnemonic and size in bits. */
const SIZED: Readonly<Record<string, readonly [string, number]>> = {
  retw: ['ret', 16],
  retd: ['ret', 32],
  retq: ['ret', 64],
  retfw: ['retf', 16],
  retfd: ['retf', 32],
  retfq: ['retf', 64],
};

const COMPARISONS = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];
const COMPARE = new RegExp(`^cmp(${COMPARISONS.join('|')})(ps|pd|ss|sd)$`);

export interface Spelling {
  readonly mnemonics: readonly string[];
  /** Operand size that the spelling itself asks for, in bits. */
  readonly operandSize?: number;
  /** Immediate that the spelling itself stands for (`cmpeqps`). */
  readonly trailing?: number;
}

/** iced's mnemonics for NASM's (lower case). Not checked for existence. */
export function spellingOf(mnemonic: string): Spelling {
  const listed = SPELLINGS[mnemonic];
  if (listed) return { mnemonics: listed };
  const sized = SIZED[mnemonic];
  if (sized) return { mnemonics: [sized[0]], operandSize: sized[1] };
  const compare = COMPARE.exec(mnemonic);
  if (compare) return { mnemonics: [`cmp${compare[2]}`], trailing: COMPARISONS.indexOf(compare[1]) };
  for (const prefix of CONDITIONAL) {
    if (!mnemonic.startsWith(prefix)) continue;
    const condition = CONDITIONS[mnemonic.slice(prefix.length)];
    if (condition) return { mnemonics: [prefix + condition] };
  }
  return { mnemonics: [mnemonic] };
}

const st0 = registerOperand('st0');
const st1 = registerOperand('st1');
const isRegister = (o: Operand | undefined, cls: RegisterInfo['class'] = 'general'): o is RegisterOperand =>
  o?.kind === 'register' && o.register.class === cls;
const named = (o: Operand | undefined, name: string) => o?.kind === 'register' && o.register.name === name;

/** Replaces a general register by the one of the same number in another width. */
function withSize(o: Operand, size: 2 | 4 | 8): Operand {
  return isRegister(o) && o.register.size > 1 && o.register.size !== size
    ? { ...o, register: resized(o.register, size) }
    : o;
}

type Rewrite = (operands: readonly Operand[], bits: Bits) => readonly Operand[];

/** x87 arithmetic: the operand left out is ST0. */
const arithmetic: Rewrite = ([a, b]) => {
  if (a === undefined) return [];
  if (b !== undefined || !isRegister(a, 'x87')) return b === undefined ? [a] : [a, b];
  return a.reach === 'to' ? [a, st0] : [st0, a];
};
const popping: Rewrite = ([a, b]) => (a === undefined ? [st1, st0] : [a, b ?? st0]);
const comparing: Rewrite = ([a, b]) => {
  if (a === undefined) return [st0, st1];
  return b === undefined && isRegister(a, 'x87') ? [st0, a] : b === undefined ? [a] : [a, b];
};
const swapMemory: Rewrite = (operands) => {
  const [a, b] = operands;
  return isRegister(a) && b?.kind === 'memory' ? [b, a] : operands;
};
/** Instructions that read a selector: only 16 bits of the register count, whatever its width. */
const selector: Rewrite = (operands, bits) =>
  operands.map((o, i) => (i === operands.length - 1 ? withSize(o, bits === 16 ? 2 : 4) : o));
const rights: Rewrite = (operands) => {
  const [a, b] = operands;
  return isRegister(a) && isRegister(b) ? [a, withSize(b, a.register.size as 2 | 4 | 8)] : operands;
};
/** Registers that the instruction uses anyway and that may be written. */
const drop: Rewrite = (operands) => (operands.every((o) => o.kind === 'register') ? [] : operands);
const dropXmm0: Rewrite = (operands) =>
  operands.length === 3 && named(operands[2], 'xmm0') ? operands.slice(0, 2) : operands;
const base10: Rewrite = (operands) => (operands.length === 0 ? [constantOperand(10n)] : operands);

const move: Rewrite = (operands, bits) => {
  const [a, b] = operands;
  if (isRegister(a, 'segment') && isRegister(b)) return [a, withSize(b, bits === 16 ? 2 : 4)];
  if (isRegister(a) && a.register.size === 8 && isRegister(b, 'segment')) return [withSize(a, 4), b];
  // A number below 2^32 is loaded through the 32-bit register, which clears the upper half.
  const loads =
    isRegister(a) &&
    a.register.size === 8 &&
    b?.kind === 'immediate' &&
    !b.strict &&
    (b.size === undefined || b.size === 8);
  if (loads && isScalar(b.value) && b.value.n >= 0n && b.value.n < 1n << 32n)
    return [withSize(a, 4), { ...b, size: undefined }];
  return operands;
};

const REWRITES: Readonly<Record<string, Rewrite>> = {
  fadd: arithmetic,
  fsub: arithmetic,
  fsubr: arithmetic,
  fmul: arithmetic,
  fdiv: arithmetic,
  fdivr: arithmetic,
  faddp: popping,
  fsubp: popping,
  fsubrp: popping,
  fmulp: popping,
  fdivp: popping,
  fdivrp: popping,
  fcom: comparing,
  fcomp: comparing,
  fucom: comparing,
  fucomp: comparing,
  fcomi: comparing,
  fcomip: comparing,
  fucomi: comparing,
  fucomip: comparing,
  fxch: comparing,
  fcmovb: comparing,
  fcmove: comparing,
  fcmovbe: comparing,
  fcmovu: comparing,
  fcmovnb: comparing,
  fcmovne: comparing,
  fcmovnbe: comparing,
  fcmovnu: comparing,
  test: swapMemory,
  xchg: (operands) => {
    const [a, b] = operands;
    const accumulator = isRegister(b) && b.register.size > 1 && b.register.number === 0;
    return isRegister(a) && isRegister(b) && !accumulator ? [b, a] : swapMemory(operands, 64);
  },
  arpl: (operands, bits) => operands.map((o) => withSize(o, bits === 16 ? 2 : 4)),
  pextrb: ([a, ...rest]) => (a === undefined ? [] : [isRegister(a) ? withSize(a, 4) : a, ...rest]),
  mov: move,
  lldt: selector,
  ltr: selector,
  verr: selector,
  verw: selector,
  lmsw: selector,
  lar: rights,
  lsl: rights,
  sldt: (operands) => operands.map((o) => (isRegister(o) && o.register.size === 8 ? withSize(o, 4) : o)),
  imul: (operands) => {
    const [a, b] = operands;
    return operands.length === 2 && b.kind === 'immediate' ? [a, a, b] : operands;
  },
  aam: base10,
  aad: base10,
  monitor: drop,
  mwait: drop,
  invlpga: drop,
  skinit: drop,
  clzero: drop,
  monitorx: drop,
  mwaitx: drop,
  vmrun: drop,
  vmload: drop,
  vmsave: drop,
  blendvps: dropXmm0,
  blendvpd: dropXmm0,
  pblendvb: dropXmm0,
  sha256rnds2: dropXmm0,
};

/** x87 arithmetic without operands pops (`fadd` is `faddp st1, st0`). */
const POPS_WITHOUT_OPERANDS = /^f(add|subr?|mul|divr?)$/;

export interface Rewritten {
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
}

/** The instruction in the form that iced's table has. */
export function rewrite(mnemonic: string, operands: readonly Operand[], bits: Bits): Rewritten {
  if (operands.length === 0 && POPS_WITHOUT_OPERANDS.test(mnemonic))
    return { mnemonic: `${mnemonic}p`, operands: [st1, st0] };
  const [a, b] = operands;
  if (
    mnemonic === 'movsx' &&
    isRegister(a) &&
    a.register.size === 8 &&
    b &&
    (isRegister(b) ? b.register.size === 4 : b.size === 4)
  ) {
    return { mnemonic: 'movsxd', operands };
  }
  return { mnemonic, operands: REWRITES[mnemonic]?.(operands, bits) ?? operands };
}
