import { GPR, SEG } from '../arch/registers.ts';

/** Bits of a general register that a name stands for. */
export interface GeneralName {
  /** As in `GPR`. */
  readonly number: number;
  readonly bits: 16 | 32 | 64;
}

const GENERAL = new Map<string, GeneralName>();
for (const [upper, number] of Object.entries(GPR)) {
  const name = upper.toLowerCase();
  const numbered = /\d/.test(name);
  GENERAL.set(name, { number, bits: 64 });
  GENERAL.set(numbered ? `${name}d` : `e${name.slice(1)}`, { number, bits: 32 });
  GENERAL.set(numbered ? `${name}w` : name.slice(1), { number, bits: 16 });
}

const POINTERS: ReadonlyMap<string, GeneralName['bits']> = new Map([
  ['rip', 64],
  ['eip', 32],
  ['ip', 16],
]);

const SEGMENTS = new Map<string, number>(
  Object.entries(SEG).map(([name, number]) => [name.toLowerCase(), number]),
);

/** `rax`, `eax`, `ax`, `r8d`; undefined for other names. */
export const generalName = (name: string): GeneralName | undefined => GENERAL.get(name);

/** Width of `rip`, `eip` and `ip`; undefined for other names. */
export const pointerName = (name: string): GeneralName['bits'] | undefined => POINTERS.get(name);

/** Number of `es` .. `gs`, `ldtr`, `tr` as in `SEG`. */
export const segmentName = (name: string): number | undefined => SEGMENTS.get(name);

/** Names that an address may begin with, beside general registers: what their base or value is. */
const ADDRESS_REGISTERS: readonly string[] = ['cr2', 'cr3', 'gdtr', 'idtr', 'ldtr', 'tr'];

export const isAddressRegister = (name: string): boolean =>
  GENERAL.has(name) || POINTERS.has(name) || ADDRESS_REGISTERS.includes(name);
