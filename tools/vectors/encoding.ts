/** The encoding column of a template, taken apart once. */

/** Operands behind ModRM: immediates, an absolute address, a branch displacement. */
const TAILS = ['ib', 'iw', 'iz', 'iv', 'moffs', 'relb', 'relz'] as const;
export type Tail = (typeof TAILS)[number];

export interface OpcodeByte {
  readonly byte: number;
  /** What its low three bits hold: +r a general register, +i an x87 register. */
  readonly register: 'general' | 'x87' | null;
}

export interface Encoding {
  /** 66h, F2h or F3h as a part of the opcode; stands before REX. */
  readonly mandatoryPrefix: number | null;
  readonly rexW: boolean;
  readonly opcode: readonly OpcodeByte[];
  /** 'r' for /r, a number for /0-/7, null without a ModRM byte. */
  readonly modrm: 'r' | number | null;
  readonly tails: readonly Tail[];
}

const OPCODE = /^([0-9A-F]{2})(\+[ri])?$/;
const isTail = (token: string): token is Tail => (TAILS as readonly string[]).includes(token);

function opcodeByte(token: string): OpcodeByte | null {
  const match = OPCODE.exec(token);
  if (!match) return null;
  const register = match[2] === '+r' ? 'general' : match[2] === '+i' ? 'x87' : null;
  return { byte: Number.parseInt(match[1] as string, 16), register };
}

/** Parses for example "66 0F 3A 0F /r ib". Throws an Error that names an unknown word. */
export function parseEncoding(text: string): Encoding {
  const bytes: OpcodeByte[] = [];
  const tails: Tail[] = [];
  let modrm: Encoding['modrm'] = null;
  let rexW = false;
  for (const token of text.split(' ')) {
    const byte = opcodeByte(token);
    if (byte) bytes.push(byte);
    else if (isTail(token)) tails.push(token);
    else if (token === '/r') modrm = 'r';
    else if (/^\/[0-7]$/.test(token)) modrm = Number(token[1]);
    else if (token === 'REX.W') rexW = true;
    else throw new Error(`encoding "${text}": unknown word "${token}"`);
  }
  const first = bytes[0]?.byte ?? 0;
  const hasPrefix = bytes.length > 1 && [0x66, 0xf2, 0xf3].includes(first);
  return {
    mandatoryPrefix: hasPrefix ? first : null,
    rexW,
    opcode: bytes.slice(hasPrefix ? 1 : 0),
    modrm,
    tails,
  };
}
