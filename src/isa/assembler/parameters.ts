/** Parameters of a multi-line macro in the lines of its body (NASM manual, "Multi-Line Macros"). */
import type { Token } from './lexer.ts';
import { appendPasting, type MacroCall } from './macros.ts';
import { SourceError } from './types.ts';

/** Condition codes with their opposites (SDM volume 2, "EFLAGS Condition Codes"). */
const OPPOSITES: readonly (readonly [string, string])[] = [
  ['o', 'no'],
  ['b', 'nb'],
  ['c', 'nc'],
  ['nae', 'ae'],
  ['e', 'ne'],
  ['z', 'nz'],
  ['be', 'nbe'],
  ['na', 'a'],
  ['s', 'ns'],
  ['p', 'np'],
  ['pe', 'po'],
  ['l', 'nl'],
  ['nge', 'ge'],
  ['le', 'nle'],
  ['ng', 'g'],
];
const OPPOSITE: ReadonlyMap<string, string> = new Map(
  OPPOSITES.flatMap(([a, b]): [string, string][] => [
    [a, b],
    [b, a],
  ]),
);

function conditionCode(contents: readonly Token[], source: string, column: number): Token[] {
  const [first] = contents;
  const code = first?.text.toLowerCase() ?? '';
  const opposite = OPPOSITE.get(code);
  if (first === undefined || opposite === undefined)
    throw new SourceError(`the parameter %${source} is no condition code`, column);
  return [{ ...first, text: source.startsWith('-') ? opposite : code }];
}

const operator = (text: string, { column }: Token): Token => ({
  kind: 'operator',
  text,
  column,
  spaced: false,
});

/** `%{2:4}`, `%{1:-1}`: parameters with commas between; the first behind the last turns their order. */
function several(call: MacroCall, [from, to]: readonly number[], token: Token): Token[] {
  const count = call.parameters.length;
  const [first, last] = [from, to].map((n) => (n < 0 ? count + n : n - 1));
  const step = first <= last ? 1 : -1;
  const out: Token[] = [];
  for (let i = first; i !== last + step; i += step) {
    if (i !== first) out.push(operator(',', token));
    out.push(...(call.parameters[i] ?? []));
  }
  return out;
}

function contentsOf(token: Token, call: MacroCall): readonly Token[] {
  const { text, column, spaced } = token;
  if (text === '00') return call.label;
  if (text.includes(':')) return several(call, text.split(':').map(Number), token);
  if (/^[-+]/.test(text))
    return conditionCode(call.parameters[Number(text.slice(1)) - 1] ?? [], text, column);
  const count = call.parameters.length;
  if (Number(text) === 0)
    return [{ kind: 'number', text: String(count), value: BigInt(count), column, spaced }];
  return call.parameters[Number(text) - 1] ?? [];
}

/** Replaces `%1`, `%0`, `%%name` and their kin in a line of a macro body. */
export function substitute(tokens: readonly Token[], call: MacroCall): Token[] {
  const out: Token[] = [];
  let glueNext = false;
  for (const token of tokens) {
    const { column, spaced } = token;
    if (token.kind === 'parameter') {
      const contents = contentsOf(token, call);
      const placed = contents.map((t, i) => ({ ...t, column, spaced: i === 0 ? spaced : t.spaced }));
      appendPasting(out, placed, !spaced);
      glueNext = true;
    } else if (token.kind === 'macroLocal') {
      out.push({ kind: 'id', text: `..@${call.serial}.${token.text}`, column, spaced });
      glueNext = false;
    } else {
      appendPasting(out, [token], glueNext && !spaced);
      glueNext = false;
    }
  }
  return out;
}

/** `%rotate n`: the first n parameters become the last; a negative count turns the other way. */
export function rotate(call: MacroCall, count: number): void {
  const { parameters } = call;
  const { length } = parameters;
  if (length === 0) return;
  const at = ((count % length) + length) % length;
  call.parameters = [...parameters.slice(at), ...parameters.slice(0, at)];
}
