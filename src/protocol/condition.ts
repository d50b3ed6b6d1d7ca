/**
 * Conditions of stops: expressions of unsigned 64-bit numbers, with C's operators and precedence.
 *
 *     rax == 0x10 && [rsp + 8]:8 != 0
 *
 * Names are registers, their parts (eax, ax, ah, r9d), flags (cf, zf ..), control registers and `cpl`.
 * `[address]:bytes` is linear memory, little-endian, 1, 2, 4 or 8 bytes; without `:bytes` it is 8.
 */

export type Condition =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'register'; readonly name: string }
  | { readonly kind: 'memory'; readonly address: Condition; readonly bytes: number }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly of: Condition }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Condition;
      readonly right: Condition;
    };

export type UnaryOperator = '!' | '~' | '-';
export type BinaryOperator = keyof typeof PRECEDENCE;

/** The higher, the tighter; all associate to the left. */
const PRECEDENCE = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '<=': 7,
  '>': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
} as const;

/** Bits of a register of which a name stands for some. */
export interface RegisterPart {
  readonly register: string;
  readonly shift: number;
  readonly bits: number;
}

const whole = (register: string, bits = 64): RegisterPart => ({ register, shift: 0, bits });

const LETTERED = ['a', 'b', 'c', 'd'];
const POINTERS = ['si', 'di', 'bp', 'sp'];
const FLAGS = { cf: 0, pf: 2, af: 4, zf: 6, sf: 7, tf: 8, if: 9, df: 10, of: 11 };
const CONTROLS = ['cr0', 'cr2', 'cr3', 'cr4', 'efer', 'cpl'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'];

function registerParts(): Map<string, RegisterPart> {
  const parts = new Map<string, RegisterPart>();
  for (const letter of LETTERED) {
    const full = `r${letter}x`;
    parts.set(full, whole(full));
    parts.set(`e${letter}x`, whole(full, 32));
    parts.set(`${letter}x`, whole(full, 16));
    parts.set(`${letter}l`, whole(full, 8));
    parts.set(`${letter}h`, { register: full, shift: 8, bits: 8 });
  }
  for (const name of POINTERS) {
    const full = `r${name}`;
    parts.set(full, whole(full));
    parts.set(`e${name}`, whole(full, 32));
    parts.set(name, whole(full, 16));
    parts.set(`${name}l`, whole(full, 8));
  }
  for (let n = 8; n < 16; n++) {
    const full = `r${n}`;
    parts.set(full, whole(full));
    for (const [suffix, bits] of [['d', 32] as const, ['w', 16] as const, ['b', 8] as const]) {
      parts.set(full + suffix, whole(full, bits));
    }
  }
  for (const name of ['rip', 'rflags', ...CONTROLS, ...SEGMENTS]) parts.set(name, whole(name));
  for (const [name, shift] of Object.entries(FLAGS)) parts.set(name, { register: 'rflags', shift, bits: 1 });
  return parts;
}

/** All names that a condition may use. */
export const REGISTER_PARTS: ReadonlyMap<string, RegisterPart> = registerParts();

/** A text is no condition; `column` counts from 1. */
export class ConditionError extends Error {
  readonly column: number;

  constructor(column: number, what: string) {
    super(`column ${column}: ${what}`);
    this.name = 'ConditionError';
    this.column = column;
  }
}

interface Token {
  readonly kind: 'number' | 'name' | 'sign' | 'end';
  readonly text: string;
  readonly column: number;
}

const TOKEN =
  /\s*(?:([0-9][0-9a-z_]*)|([a-z_][a-z0-9_]*)|(\|\||&&|==|!=|<=|>=|<<|>>|[-+*/%&|^~!<>()[\]:]))/giy;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let end = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    end = TOKEN.lastIndex;
    const [, number, name, sign] = match;
    const kind = number !== undefined ? 'number' : name !== undefined ? 'name' : 'sign';
    const found = number ?? name ?? sign;
    tokens.push({ kind, text: found.toLowerCase(), column: end - found.length + 1 });
  }
  const rest = text.slice(end).trimStart();
  const column = text.length - rest.length + 1;
  if (rest !== '') throw new ConditionError(column, `"${rest[0]}" has no meaning here`);
  return [...tokens, { kind: 'end', text: '', column }];
}

class Parser {
  private readonly tokens: readonly Token[];
  private next = 0;

  constructor(text: string) {
    this.tokens = tokensOf(text);
  }

  whole(): Condition {
    const condition = this.binary(1);
    if (this.token.kind !== 'end') this.fail('an operator is missing before');
    return condition;
  }

  private get token(): Token {
    return this.tokens[this.next];
  }

  private fail(what: string): never {
    const { kind, text, column } = this.token;
    throw new ConditionError(column, `${what} ${kind === 'end' ? 'the end' : `"${text}"`}`);
  }

  private accept(sign: string): boolean {
    if (this.token.kind !== 'sign' || this.token.text !== sign) return false;
    this.next++;
    return true;
  }

  private expect(sign: string): void {
    if (!this.accept(sign)) this.fail(`"${sign}" is missing before`);
  }

  private binary(least: number): Condition {
    let left = this.unary();
    for (;;) {
      const { kind, text } = this.token;
      if (kind !== 'sign' || !isBinary(text) || PRECEDENCE[text] < least) return left;
      this.next++;
      left = { kind: 'binary', operator: text, left, right: this.binary(PRECEDENCE[text] + 1) };
    }
  }

  private unary(): Condition {
    for (const operator of ['!', '~', '-'] as const) {
      if (this.accept(operator)) return { kind: 'unary', operator, of: this.unary() };
    }
    return this.primary();
  }

  private primary(): Condition {
    const { kind, text, column } = this.token;
    if (this.accept('(')) {
      const inside = this.binary(1);
      this.expect(')');
      return inside;
    }
    if (this.accept('[')) return this.memory();
    if (kind === 'number') {
      this.next++;
      return { kind: 'number', value: numberOf(text, column) };
    }
    if (kind !== 'name') this.fail('a value is missing before');
    if (!REGISTER_PARTS.has(text)) throw new ConditionError(column, `there is no register "${text}"`);
    this.next++;
    return { kind: 'register', name: text };
  }

  private memory(): Condition {
    const address = this.binary(1);
    this.expect(']');
    if (!this.accept(':')) return { kind: 'memory', address, bytes: 8 };
    const { text, column } = this.token;
    if (!/^[1248]$/.test(text)) throw new ConditionError(column, 'after ":" come 1, 2, 4 or 8 bytes');
    this.next++;
    return { kind: 'memory', address, bytes: Number(text) };
  }
}

const isBinary = (text: string): text is BinaryOperator => Object.hasOwn(PRECEDENCE, text);

function numberOf(text: string, column: number): bigint {
  const digits = text.replaceAll('_', '');
  if (!/^(0x[0-9a-f]+|[0-9]+)$/.test(digits)) {
    throw new ConditionError(column, `"${text}" is no number: write 16 or 0x10`);
  }
  const value = BigInt(digits);
  if (value >= 1n << 64n) throw new ConditionError(column, `"${text}" has more than 64 bits`);
  return value;
}

/** Throws `ConditionError`. */
export function parseCondition(text: string): Condition {
  return new Parser(text).whole();
}
