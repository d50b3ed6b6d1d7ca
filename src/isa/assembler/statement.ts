/** Takes a line apart: label, TIMES, prefixes, and what remains. */
import { Register } from 'iced-x86';
import { DEFINE, RESERVE } from './data.ts';
import type { TokenReader } from './expression.ts';
import type { Token } from './lexer.ts';
import { registerNamed } from './registers.ts';
import { isMnemonic, type Prefixes } from './select.ts';
import { SourceError } from './types.ts';

/** Words that begin a directive of the assembler. */
const DIRECTIVES: ReadonlySet<string> = new Set([
  'bits',
  'use16',
  'use32',
  'use64',
  'org',
  'section',
  'segment',
  '__sect__',
  'absolute',
  'global',
  'extern',
  'common',
  'required',
  'static',
  'default',
  'align',
  'alignb',
  'cpu',
  'struc',
  'endstruc',
  'istruc',
  'at',
  'iend',
  'float',
  'warning',
  'list',
  'incbin',
  'sectalign',
]);

const PREFIX_BYTES: Readonly<Record<string, number>> = {
  lock: 0xf0,
  rep: 0xf3,
  repe: 0xf3,
  repz: 0xf3,
  repne: 0xf2,
  repnz: 0xf2,
  xacquire: 0xf2,
  xrelease: 0xf3,
  bnd: 0xf2,
};
const SIZE_PREFIX = /^([oa])(16|32|64)$/;

const isPrefix = (word: string) =>
  Object.hasOwn(PREFIX_BYTES, word) || SIZE_PREFIX.test(word) || registerNamed(word)?.class === 'segment';

function isKeyword(word: string): boolean {
  return (
    DIRECTIVES.has(word) ||
    Object.hasOwn(DEFINE, word) ||
    Object.hasOwn(RESERVE, word) ||
    word === 'equ' ||
    word === 'times' ||
    isPrefix(word) ||
    isMnemonic(word)
  );
}

/** Consumes the label of the line, with or without its colon; undefined when there is none. */
export function takeLabel(reader: TokenReader): Token | undefined {
  const token = reader.peek();
  if (token?.kind !== 'id') return undefined;
  const next = reader.tokens[reader.at + 1];
  if (next?.kind === 'operator' && next.text === ':') {
    reader.at += 2;
    return token;
  }
  const word = token.text.toLowerCase();
  if (isKeyword(word)) return undefined;
  // `name db 1` needs no colon; `mvo eax, 1` and a lonely word are more likely mistakes than labels.
  if (next?.kind !== 'id' || !isKeyword(next.text.toLowerCase())) return undefined;
  reader.at++;
  return token;
}

/** Consumes prefixes such as `rep`, `lock`, `o32` and `es`. */
export function takePrefixes(reader: TokenReader): Prefixes {
  const bytes: number[] = [];
  let segment: Register = Register.None;
  const sizes: { o?: number; a?: number } = {};
  for (let token = reader.peek(); token?.kind === 'id'; token = reader.peek()) {
    const word = token.text.toLowerCase();
    const size = SIZE_PREFIX.exec(word);
    const register = registerNamed(word);
    if (Object.hasOwn(PREFIX_BYTES, word)) bytes.push(PREFIX_BYTES[word]);
    else if (size) sizes[size[1] as 'o' | 'a'] = Number(size[2]);
    else if (register?.class === 'segment') segment = register.iced;
    else break;
    reader.at++;
  }
  return { bytes, segment, operandSize: sizes.o, addressSize: sizes.a };
}

/** The keyword the rest of the line begins with, in lower case. */
export function takeKeyword(reader: TokenReader): string {
  const token = reader.next('an instruction');
  if (token.kind !== 'id')
    throw new SourceError(`expected an instruction or directive but found '${token.text}'`, token.column);
  return token.text.toLowerCase();
}
