/** Parses the operand letters of an instruction definition: see `Instruction.operands`. */
import type { Instruction, Size } from './definition.ts';

/** Where an operand is found. */
export type Place =
  | 'reg' // ModRM.reg general register
  | 'rm' // ModRM.rm general register, a register in the opcode, or a fixed accumulator
  | 'memory'
  | 'immediate'
  | 'regV' // ModRM.reg XMM register
  | 'rmV'
  | 'regP' // MMX
  | 'rmP'
  | 'special'; // segment, control and debug registers, far pointers: looked at by system operations

export interface Operand {
  /** Addressing letter, or `fixed` for AL, eAX, rAX. */
  readonly letter: string;
  readonly width: string;
}

/** Rows share few operand texts and attribute texts, and are asked about them often. */
const operandsOf = new Map<string, readonly Operand[]>();
const attributesOf = new Map<string, ReadonlySet<string>>();

export function parseOperands(text = ''): readonly Operand[] {
  let operands = operandsOf.get(text);
  if (!operands) {
    operands = splitOperands(text);
    operandsOf.set(text, operands);
  }
  return operands;
}

const splitOperands = (text: string): Operand[] =>
  text
    .split(',')
    .filter((part) => part !== '')
    .map((part) =>
      /^(AL|AX|eAX|rAX)$/.test(part)
        ? { letter: 'fixed', width: part === 'AL' ? 'b' : part === 'AX' ? 'w' : part === 'eAX' ? 'z' : 'v' }
        : { letter: part[0], width: part.slice(1) },
    );

/** True when the letter takes its register or memory from ModRM.rm. */
export const usesRm = (letter: string): boolean => 'EMRWUQNT'.includes(letter);

/** MOV to and from control and debug registers: ModRM.mod is ignored. */
export const ignoresMod = (operands: readonly Operand[]): boolean =>
  operands.some((o) => o.letter === 'C' || o.letter === 'D');

export const usesModRm = (letter: string): boolean => usesRm(letter) || 'GSCDVP'.includes(letter);

export function place(operand: Operand, memory: boolean): Place {
  switch (operand.letter) {
    case 'E':
    case 'M':
    case 'R':
      return memory ? 'memory' : 'rm';
    case 'O':
      return 'memory';
    case 'G':
      return 'reg';
    case 'Z':
    case 'fixed':
      return 'rm';
    case 'I':
    case 'J':
      return 'immediate';
    case 'V':
      return 'regV';
    case 'W':
    case 'U':
      return memory ? 'memory' : 'rmV';
    case 'P':
      return 'regP';
    case 'Q':
    case 'N':
      return memory ? 'memory' : 'rmP';
    default:
      return 'special';
  }
}

const WIDTHS: Record<string, number> = {
  b: 8,
  w: 16,
  d: 32,
  q: 64,
  dq: 128,
  x: 128,
  ps: 128,
  pd: 128,
  ss: 32,
  sd: 64,
  t: 80,
  '': 0,
  s: 0,
};

/** Width in bits of an operand when the operand size is `size`. */
export function operandWidth(operand: Operand, size: Size): number {
  switch (operand.width) {
    case 'v':
    case 'bs':
      return size;
    case 'z':
      return operand.letter === 'I' || operand.letter === 'J' ? size : Math.min(size, 32);
    case 'y':
      return Math.max(size, 32);
    case 'a':
      return size * 2;
    case 'p':
      return size + 16;
    default: {
      const width = WIDTHS[operand.width];
      if (width === undefined) throw new Error(`unknown operand width ${operand.letter}${operand.width}`);
      return width;
    }
  }
}

/** Whether the instruction's meaning depends on the operand size. */
export const isSized = (row: Instruction): boolean =>
  hasAttribute(row, 'v') ||
  hasAttribute(row, 'd64') ||
  hasAttribute(row, 'f64') ||
  parseOperands(row.operands).some((o) => ['v', 'z', 'y', 'bs', 'p', 'a'].includes(o.width));

export function hasAttribute({ attributes = '' }: Instruction, name: string): boolean {
  let set = attributesOf.get(attributes);
  if (!set) {
    set = new Set(attributes.split(' '));
    attributesOf.set(attributes, set);
  }
  return set.has(name);
}

/** The size of an instruction that has only one: that of a byte instruction is 8. */
export const fixedSize = (row: Instruction): Size =>
  hasAttribute(row, 'byte') || parseOperands(row.operands)[0]?.width === 'b' ? 8 : 32;
