/** `db`, `dw`, `dd`, `dq`, `dt` and `resb` .. `rest` (NASM manual, "Declaring Initialized Data"). */
import { expression, type Scope, type TokenReader } from './expression.ts';
import { floatBits, isFloatSize, isSpecialFloat } from './floats.ts';
import type { Token } from './lexer.ts';
import { fitsIn } from './match.ts';
import { SourceError } from './types.ts';
import { isScalar, resolve } from './value.ts';

/** Bytes per item. */
export const DEFINE: Readonly<Record<string, number>> = {
  db: 1,
  dw: 2,
  dd: 4,
  dq: 8,
  dt: 10,
  do: 16,
  ddq: 16,
};
export const RESERVE: Readonly<Record<string, number>> = {
  resb: 1,
  resw: 2,
  resd: 4,
  resq: 8,
  rest: 10,
  reso: 16,
  resdq: 16,
};

function store(out: number[], n: bigint, size: number): void {
  let rest = BigInt.asUintN(size * 8, n);
  for (let i = 0; i < size; i++) {
    out.push(Number(rest & 0xffn));
    rest >>= 8n;
  }
}

const endsItem = (token: Token | undefined) =>
  token === undefined ||
  (token.kind === 'operator' && (token.text === ',' || token.text === ')')) ||
  (token.kind === 'id' && token.text.toLowerCase() === 'dup');

/** A string that stands alone is stored byte by byte and padded to whole items. */
function wholeString(reader: TokenReader, out: number[], size: number): boolean {
  const token = reader.peek();
  if (token?.kind !== 'string' || !endsItem(reader.tokens[reader.at + 1])) return false;
  reader.at++;
  for (const c of token.text) out.push(c.charCodeAt(0));
  while (out.length % size !== 0) out.push(0);
  return true;
}

function float(reader: TokenReader, out: number[], size: number): boolean {
  const sign = reader.is('-') || reader.is('+') ? 1 : 0;
  const token = reader.tokens[reader.at + sign];
  if (token === undefined || !(token.kind === 'float' || (token.kind === 'id' && isSpecialFloat(token.text))))
    return false;
  if (!isFloatSize(size))
    throw new SourceError('floating-point numbers need dw, dd, dq, dt or do', token.column);
  const negative = reader.is('-');
  reader.at += sign + 1;
  store(out, floatBits(token.text, size, negative, token.column), size);
  return true;
}

function item(reader: TokenReader, scope: Scope, size: number, out: number[]): void {
  const bytes: number[] = [];
  const column = reader.column();
  if (reader.acceptWord('?')) for (let i = 0; i < size; i++) bytes.push(0);
  else if (!wholeString(reader, bytes, size) && !float(reader, bytes, size)) {
    const value = expression(reader, scope);
    if (reader.acceptWord('dup')) {
      if (!isScalar(value) || value.n < 0n || value.n > 0xffff_ffn)
        throw new SourceError('the count of dup must be a plain number, not negative', column);
      if (reader.accept('(')) {
        list(reader, scope, size, bytes);
        reader.expect(')');
      } else item(reader, scope, size, bytes);
      for (let i = 0n; i < value.n; i++) for (const b of bytes) out.push(b);
      return;
    }
    if (size > 8)
      throw new SourceError(
        'only floating-point numbers and strings can be stored in items of more than 8 bytes',
        column,
      );
    const n = resolve(value);
    if (!value.unknown && size < 8 && !fitsIn(n, size))
      throw new SourceError(`${n} does not fit in ${size * 8} bits`, column);
    store(bytes, n, size);
  }
  for (const b of bytes) out.push(b);
}

function list(reader: TokenReader, scope: Scope, size: number, out: number[]): void {
  do item(reader, scope, size, out);
  while (reader.accept(','));
}

/** Bytes of the items that follow `db`, `dw` and so on. */
export function defineData(reader: TokenReader, scope: Scope, size: number): Uint8Array {
  const out: number[] = [];
  if (reader.peek() === undefined) throw new SourceError('nothing to store: values are missing');
  do {
    if (reader.peek() === undefined) break; // NASM allows a trailing comma
    item(reader, scope, size, out);
  } while (reader.accept(','));
  reader.expectEnd();
  return Uint8Array.from(out);
}
