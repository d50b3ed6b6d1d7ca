/** Register names of NASM, with iced's number, class and width. */
import { Register } from 'iced-x86';

export type RegisterClass =
  | 'general'
  | 'segment'
  | 'control'
  | 'debug'
  | 'test'
  | 'x87'
  | 'mmx'
  | 'xmm'
  | 'ip';

export interface RegisterInfo {
  readonly name: string;
  readonly iced: Register;
  readonly class: RegisterClass;
  /** Width in bytes. */
  readonly size: number;
  /** Number in its class, as encoded (AH, CH, DH and BH count from 0). */
  readonly number: number;
}

const table = new Map<string, RegisterInfo>();

function define(
  names: readonly string[],
  cls: RegisterClass,
  size: number,
  iced = (name: string) => name.toUpperCase(),
): void {
  names.forEach((name, number) => {
    const key = iced(name) as keyof typeof Register;
    table.set(name, { name, iced: Register[key] as Register, class: cls, size, number });
  });
}

const numbered = (prefix: string, count: number, suffix = '') =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}${suffix}`);
const extended = (suffix: string) => numbered('r', 16, suffix).slice(8);
const names16 = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];

define(['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil', ...extended('b')], 'general', 1, (n) =>
  n.toUpperCase().replace(/^(R\d+)B$/, '$1L'),
);
define(['', '', '', '', 'ah', 'ch', 'dh', 'bh'].filter(Boolean), 'general', 1);
define([...names16, ...extended('w')], 'general', 2);
define([...names16.map((n) => `e${n}`), ...extended('d')], 'general', 4);
define([...names16.map((n) => `r${n}`), ...extended('')], 'general', 8);
define(['es', 'cs', 'ss', 'ds', 'fs', 'gs'], 'segment', 2);
define(numbered('cr', 16), 'control', 8);
define(numbered('dr', 16), 'debug', 8);
define(numbered('tr', 8), 'test', 4);
define(numbered('st', 8), 'x87', 10);
define(numbered('mm', 8), 'mmx', 8);
define(numbered('xmm', 16), 'xmm', 16);

export function registerNamed(name: string): RegisterInfo | undefined {
  return table.get(name.toLowerCase());
}

/** The register of the same number in another width, for general registers other than AH..BH. */
export function resized(register: RegisterInfo, size: 2 | 4 | 8): RegisterInfo {
  for (const r of table.values()) {
    if (r.class === 'general' && r.size === size && r.number === register.number) return r;
  }
  throw new Error(`no ${size}-byte form of ${register.name}`);
}

/** True for registers that only 64-bit code can name (CR8 has another encoding in 32-bit code, which is not used). */
export function needs64Bits(register: RegisterInfo): boolean {
  if (register.class === 'general')
    return register.size === 8 || register.number >= 8 || /^(sp|bp|si|di)l$/.test(register.name);
  return register.class !== 'segment' && register.number >= 8;
}
