/**
 * How registers are described to gdb (gdb manual, "Target Descriptions", "i386 Features"). The size of registers
 * cannot change unless gdb asks for the description anew, so there are several: that of a 64-bit processor, which
 * shows all there is in all modes, and two with which gdb disassembles 32-bit and 16-bit code.
 */
import { CR0, CR4, EFER, FLAG } from '../arch/registers.ts';
import { CONTROL_NAMES, type RegisterName, SELECTOR_NAMES, X87_NAMES } from './register-names.ts';

/** One register as gdb sees it. */
export interface DescribedRegister {
  /** gdb's name. */
  readonly name: string;
  /** The debuggee's register; of a longer one this shows the low bits. */
  readonly of: RegisterName;
  readonly bits: number;
  readonly type: string;
  readonly group?: 'general' | 'float' | 'vector';
}

interface Feature {
  readonly name: string;
  /** XML of the types that its registers use. */
  readonly types: string;
  readonly registers: readonly DescribedRegister[];
}

export interface Description {
  readonly name: DescriptionName;
  /** In the order of the `g` packet: a register's index is its number. */
  readonly registers: readonly DescribedRegister[];
  readonly xml: string;
}

export const DESCRIPTION_NAMES = ['amd64', 'i386', 'i8086'] as const;
export type DescriptionName = (typeof DESCRIPTION_NAMES)[number];

const row = (
  name: RegisterName,
  bits: number,
  type: string,
  group?: DescribedRegister['group'],
): DescribedRegister => ({ name, of: name, bits, type, ...(group ? { group } : {}) });

/** gdb's own order. */
const AMD64_GENERAL: readonly RegisterName[] = [
  ...(['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
];
const I386_GENERAL = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'rip'] as const;
const STACK: readonly RegisterName[] = ['rsp', 'rbp'];
const X87_STACK = ['st0', 'st1', 'st2', 'st3', 'st4', 'st5', 'st6', 'st7'] as const;
const BASES = ['cs_base', 'ss_base', 'ds_base', 'es_base'] as const;

/** gdb wants pointers where there are some. */
function typeOf(name: RegisterName, integer: string): string {
  if (name === 'rip') return 'code_ptr';
  return STACK.includes(name) ? 'data_ptr' : integer;
}

const whole = (name: RegisterName): DescribedRegister => row(name, 64, typeOf(name, 'int64'), 'general');

/** RAX as EAX. */
const half = (name: RegisterName): DescribedRegister => ({
  ...row(name, 32, typeOf(name, 'int32'), 'general'),
  name: name.replace(/^r/, 'e'),
});

/** What both have behind the instruction pointer. */
const CORE_REST: readonly DescribedRegister[] = [
  row('eflags', 32, 'i386_eflags', 'general'),
  ...SELECTOR_NAMES.map((name) => row(name, 32, 'int32', 'general')),
  ...X87_STACK.map((name) => row(name, 80, 'i387_ext', 'float')),
  ...X87_NAMES.map((name) => row(name, 32, 'int', 'float')),
];

const AMD64_CORE = [...AMD64_GENERAL.map(whole), whole('rip'), ...CORE_REST];

const I386_CORE = [...I386_GENERAL.map(half), ...CORE_REST];

const xmm = (count: number): DescribedRegister[] => [
  ...Array.from({ length: count }, (_, n) => row(`xmm${n}` as RegisterName, 128, 'vec128', 'vector')),
  row('mxcsr', 32, 'i386_mxcsr', 'vector'),
];

const SEGMENT_BASES = (['fs_base', 'gs_base'] as const).map((name) => row(name, 64, 'uint64'));

const FLAG_TYPES: Partial<Record<RegisterName, string>> = {
  cr0: 'ringlab_cr0',
  cr4: 'ringlab_cr4',
  efer: 'ringlab_efer',
};

/** gdb asks for none of these, and shows them behind those that it knows. */
const SYSTEM = [...CONTROL_NAMES, ...BASES, 'k_gs_base' as const].map((name) =>
  row(name, 64, FLAG_TYPES[name] ?? 'uint64'),
);

/** A type that shows the names of the bits that are set; a mask of several bits is a number. */
function flagsType(id: string, bytes: number, bits: Readonly<Record<string, number>>): string {
  const fields = Object.entries(bits).map(([name, mask]) => {
    const start = 31 - Math.clz32(mask & -mask);
    const end = 31 - Math.clz32(mask);
    const type = start === end ? '' : ' type="uint32"';
    return `<field name="${name}" start="${start}" end="${end}"${type}/>`;
  });
  return `<flags id="${id}" size="${bytes}">${fields.join('')}</flags>`;
}

/** Bit 1 of EFLAGS, which has no name. */
const ALWAYS_SET = 1 << 1;

const MXCSR = Object.fromEntries(
  ['IE', 'DE', 'ZE', 'OE', 'UE', 'PE', 'DAZ', 'IM', 'DM', 'ZM', 'OM', 'UM', 'PM'].map((name, bit) => [
    name,
    1 << bit,
  ]),
);

const VECTORS = [
  ['v4f', 'ieee_single', 4],
  ['v2d', 'ieee_double', 2],
  ['v16i8', 'int8', 16],
  ['v8i16', 'int16', 8],
  ['v4i32', 'int32', 4],
  ['v2i64', 'int64', 2],
] as const;

/** The views of an XMM register, with the names that gdb's users know. */
const VEC128 = [
  ...VECTORS.map(([id, type, count]) => `<vector id="${id}" type="${type}" count="${count}"/>`),
  '<union id="vec128">',
  ...[
    ['v4_float', 'v4f'],
    ['v2_double', 'v2d'],
    ['v16_int8', 'v16i8'],
    ['v8_int16', 'v8i16'],
  ].map(field),
  ...[
    ['v4_int32', 'v4i32'],
    ['v2_int64', 'v2i64'],
    ['uint128', 'uint128'],
  ].map(field),
  '</union>',
].join('');

function field([name, type]: readonly string[]): string {
  return `<field name="${name}" type="${type}"/>`;
}

/** gdb's names for the features that it knows. */
const features = (core: readonly DescribedRegister[], xmmCount: number): Feature[] => [
  {
    name: 'org.gnu.gdb.i386.core',
    types: flagsType('i386_eflags', 4, { '': ALWAYS_SET, ...FLAG }),
    registers: core,
  },
  {
    name: 'org.gnu.gdb.i386.sse',
    types: VEC128 + flagsType('i386_mxcsr', 4, MXCSR),
    registers: xmm(xmmCount),
  },
];

const SEGMENTS: Feature = { name: 'org.gnu.gdb.i386.segments', types: '', registers: SEGMENT_BASES };

const SYSTEM_TYPES =
  flagsType('ringlab_cr0', 8, CR0) + flagsType('ringlab_cr4', 8, CR4) + flagsType('ringlab_efer', 8, EFER);

const system = (registers: readonly DescribedRegister[]): Feature => ({
  name: 'ringlab.system',
  types: SYSTEM_TYPES,
  registers,
});

function description(name: DescriptionName, architecture: string, list: readonly Feature[]): Description {
  const registers = list.flatMap((feature) => feature.registers);
  const xml = [
    '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">',
    `<target version="1.0"><architecture>${architecture}</architecture>`,
    ...list.map((feature) => {
      const rows = feature.registers.map(registerXml).join('');
      return `<feature name="${feature.name}">${feature.types}${rows}</feature>`;
    }),
    '</target>',
  ].join('\n');
  return { name, registers, xml };
}

function registerXml({ name, bits, type, group }: DescribedRegister): string {
  const where = group === undefined ? '' : ` group="${group}"`;
  return `<reg name="${name}" bitsize="${bits}" type="${type}"${where}/>`;
}

const NARROW = [...features(I386_CORE, 8), system([...SYSTEM, ...SEGMENT_BASES])];

export const DESCRIPTIONS: Readonly<Record<DescriptionName, Description>> = {
  amd64: description('amd64', 'i386:x86-64', [...features(AMD64_CORE, 16), SEGMENTS, system(SYSTEM)]),
  i386: description('i386', 'i386', NARROW),
  // gdb disassembles 16-bit code only when the description itself says so: of two architectures that fit together
  // it takes the later one.
  i8086: description('i8086', 'i8086', NARROW),
};
