import { MSR } from '../../arch/msr.ts';
import { NAMED_MSRS } from '../../arch/named-msrs.ts';
import { SEG } from '../../arch/registers.ts';
import { generalName, pointerName, segmentName } from '../../protocol/register-names.ts';
import type { FloatState } from '../views/extended-state.ts';
import type { SegmentState } from '../views/processor-state.ts';
import type { VcpuAccess } from './lab-machine.ts';

/** A register of a vCPU that can be searched for. */
export interface NamedRegister {
  /** Of the whole register: `rax` for `al`. */
  readonly name: string;
  /** RFLAGS bits that the name stands for; 0: it is another register. */
  readonly flags: number;
  /** Of x87 and MMX, whose instructions may write any of them, or MXCSR. */
  readonly float?: 'x87' | 'mxcsr';
  /** MSRs that hold its value or a part of it. */
  readonly msrs: readonly number[];
  /** The value: equal numbers, or texts, exactly when the register is the same. */
  readonly read: (access: VcpuAccess) => bigint | string | undefined;
}

const WHOLE = 0xffff_ffff;
/** RFLAGS bits by name. SDM volume 1, "EFLAGS Register". */
const FLAG_BITS = {
  cf: 0,
  pf: 2,
  af: 4,
  zf: 6,
  sf: 7,
  tf: 8,
  if: 9,
  df: 10,
  of: 11,
  nt: 14,
  rf: 16,
  vm: 17,
  ac: 18,
  vif: 19,
  vip: 20,
  id: 21,
} as const;
const FLAGS: ReadonlyMap<string, number> = new Map([
  ...['rflags', 'eflags', 'flags'].map((name) => [name, WHOLE] as const),
  ...Object.entries(FLAG_BITS).map(([name, bit]) => [name, 1 << bit] as const),
]);

const CONTROL = ['cr0', 'cr2', 'cr3', 'cr4', 'efer'] as const;
const TABLES = ['gdtr', 'idtr'] as const;
const SEGMENT_BASES: ReadonlyMap<number, number> = new Map([
  [SEG.FS, MSR.IA32_FS_BASE],
  [SEG.GS, MSR.IA32_GS_BASE],
]);

/**
 * @param top of the x87 stack now, by which st0 to st7 are found: they stay the registers that they are now
 * @returns undefined: there is no such register
 */
export function namedRegister(text: string, top: () => number): NamedRegister | undefined {
  const name = text.toLowerCase();
  const plain = { name, flags: 0, msrs: [] };
  const general = generalName(name) ?? bytePart(name);
  if (general !== undefined)
    return { ...plain, name: GENERAL[general.number], read: ({ state }) => state.general[general.number] };
  if (pointerName(name) !== undefined) return { ...plain, name: 'rip', read: ({ state }) => state.rip };
  const flags = FLAGS.get(name);
  if (flags !== undefined)
    return { ...plain, flags, read: ({ state }) => state.rflags & BigInt(flags >>> 0) };
  const control = CONTROL.find((one) => one === name);
  if (control !== undefined)
    return {
      ...plain,
      msrs: control === 'efer' ? [MSR.IA32_EFER] : [],
      read: ({ state }) => state[control],
    };
  const table = TABLES.find((one) => one === name);
  if (table !== undefined)
    return { ...plain, read: ({ state }) => `${state[table].base} ${state[table].limit}` };
  const segment = segmentName(name);
  if (segment !== undefined) {
    const base = SEGMENT_BASES.get(segment);
    return {
      ...plain,
      msrs: base === undefined ? [] : [base],
      read: ({ state }) => segmentKey(state.segments[segment]),
    };
  }
  return float(name, top) ?? numbered(name) ?? msr(name);
}

const segmentKey = ({ selector, base, limit, attributes }: SegmentState): string =>
  [selector, base, limit, attributes].join(' ');

const GENERAL = Array.from(
  { length: 16 },
  (_, n) => ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'][n] ?? `r${n}`,
);

/** `al`, `ah`, `sil`, `r8b`: the register that they are a part of. */
function bytePart(name: string) {
  if (/^[abcd][lh]$/.test(name)) return generalName(`r${name[0]}x`);
  return /^((si|di|bp|sp)l|r([89]|1[0-5])b)$/.test(name)
    ? generalName(name.startsWith('r') ? name.slice(0, -1) : `r${name.slice(0, -1)}`)
    : undefined;
}

const CONTROL_WORDS: ReadonlyMap<string, (state: FloatState) => bigint> = new Map([
  ['fcw', ({ fcw }) => BigInt(fcw)],
  ['fsw', ({ fsw, top }) => BigInt(fsw | (top << 11))],
  ['mxcsr', ({ mxcsr }) => BigInt(mxcsr)],
]);

/** `st0` to `st7`, `mm0` to `mm7`, and the control and status words. */
function float(name: string, top: () => number): NamedRegister | undefined {
  const plain = { name, flags: 0, msrs: [], float: name === 'mxcsr' ? 'mxcsr' : 'x87' } as const;
  const word = CONTROL_WORDS.get(name);
  if (word !== undefined) return { ...plain, read: ({ extended }) => word(extended().float) };
  const [, kind, digit] = /^(st|mm)([0-7])$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  const n = kind === 'st' ? (top() + Number(digit)) & 7 : Number(digit);
  const read: NamedRegister['read'] = ({ extended }) => {
    const { x87, tags } = extended().float;
    // Loading the value that an empty register has changes it too.
    return `${(tags >> n) & 1} ${x87.slice(16 * n, 16 * n + 10).join(' ')}`;
  };
  return { ...plain, read };
}

function numbered(name: string): NamedRegister | undefined {
  const [, kind, digits] = /^(dr|xmm)(\d|1[0-5])$/.exec(name) ?? [];
  const n = Number(digits);
  if (kind === undefined || (kind === 'dr' && n > 7)) return undefined;
  const read: NamedRegister['read'] =
    kind === 'dr'
      ? ({ extended }) => extended().debug[n]
      : ({ extended }) =>
          extended()
            .float.xmm.slice(16 * n, 16 * (n + 1))
            .join(' ');
  return { name, flags: 0, msrs: [], read };
}

function msr(name: string): NamedRegister | undefined {
  const found = NAMED_MSRS.find((one) => one.name === name);
  // Its value is time: nobody writes it.
  if (found === undefined || found.index === MSR.IA32_TIME_STAMP_COUNTER) return undefined;
  const { index } = found;
  return { name, flags: 0, msrs: [index], read: ({ extended }) => extended().msrs.get(index) };
}
