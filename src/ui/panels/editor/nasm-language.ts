/** Colours for NASM's language, by where a word stands: the assembler alone knows all mnemonics and macros. */
import { StreamLanguage, type StringStream } from '@codemirror/language';

interface State {
  /** What the next word of the line can be: before the mnemonic, the mnemonic of `label equ`, or operands. */
  place: 'start' | 'operands';
}

const words = (text: string) => new Set(text.split(/\s+/));

const REGISTER =
  /^(?:[abcd][lhx]|[sd]il?|[sb]pl?|e[abcd]x|e[sd]i|e[sb]p|r[abcd]x|r[sd]i|r[sb]p|r(?:8|9|1[0-5])[bwd]?|[cdefgs]s|cr[0-8]|dr[0-7]|st[0-7]?|x?mm(?:[0-9]|1[0-5]))$/i;
const DIRECTIVES = words(
  `bits use16 use32 use64 org section segment align alignb global extern default cpu struc endstruc istruc at iend
  equ times incbin db dw dd dq dt resb resw resd resq rest absolute common`,
);
const PREFIXES = words('rep repe repz repne repnz lock bnd');
const SIZES = words('byte word dword qword tword oword short near far strict rel abs nosplit ptr to');
const NUMBER =
  /^(?:0[xh][\da-f_]+|\$\d[\da-f_]*|0[by][01_]+|0[oq][0-7_]+|\d[\da-f_]*[hx]|[01][01_]*[by]|[0-7][0-7_]*[oq]|\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?d?)(?![\w$])/i;
const WORD = /^[A-Za-z_.?@$][\w.?@$#~]*/;

function wordStyle(word: string, stream: StringStream, state: State): string | null {
  const lower = word.toLowerCase();
  if (word === '$' || word === '$$') return 'atom';
  if (SIZES.has(lower)) return 'modifier';
  if (REGISTER.test(word) && state.place === 'operands') return 'variableName.special';
  if (DIRECTIVES.has(lower)) {
    state.place = lower === 'times' ? 'start' : 'operands';
    return 'keyword';
  }
  if (state.place === 'operands') return 'variableName';
  if (stream.match(/^\s*:/, false) || stream.match(/^\s+equ\b/i, false)) return 'labelName';
  if (PREFIXES.has(lower)) return 'operatorKeyword';
  state.place = 'operands';
  return 'operatorKeyword';
}

function token(stream: StringStream, state: State): string | null {
  if (stream.sol()) state.place = 'start';
  if (stream.eatSpace()) return null;
  const next = stream.peek();
  if (next === ';') {
    stream.skipToEnd();
    return 'comment';
  }
  if (next === '"' || next === "'" || next === '`') {
    stream.next();
    while (!stream.eol() && stream.next() !== next);
    return 'string';
  }
  if (stream.match(/^%%\w+/)) return 'labelName';
  if (stream.match(/^%[A-Za-z]+/)) {
    state.place = 'operands';
    return 'processingInstruction';
  }
  if (stream.match(/^%[{[]?-?\d+\}?/)) return 'atom';
  if (stream.match(NUMBER)) return 'number';
  if (stream.match(WORD)) return wordStyle(stream.current(), stream, state);
  const character = stream.next() ?? '';
  return /[-+*/|&^~<>=!]/.test(character) ? 'operator' : 'punctuation';
}

export const nasm = StreamLanguage.define<State>({
  name: 'nasm',
  startState: () => ({ place: 'start' }),
  token,
  languageData: { commentTokens: { line: ';' } },
});
