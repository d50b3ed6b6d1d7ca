import { expect, test } from 'vitest';
import { tokensOf } from './tokens.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The tokens' texts; those that are not printed in brackets. */
function tokens(text: string): string[] {
  const bytes = encoder.encode(text);
  return [...tokensOf(bytes)].map(({ start, end, prints }) => {
    const part = decoder.decode(bytes.subarray(start, end));
    return prints ? part : `[${part.replaceAll('\x1b', 'ESC ')}]`;
  });
}

test.each<[string, string[]]>([
  ['ab\r\n', ['a', 'b', '[\r]', '[\n]']],
  ['\x1b[2;5Hx', ['[ESC [2;5H]', 'x']],
  ['\x1b[1\n2Hx', ['[ESC [1\n2H]', 'x']],
  ['\x1b(0q\x1b7\x1b#8', ['[ESC (0]', 'q', '[ESC 7]', '[ESC #8]']],
  ['\x1b]0;title\x07x', ['[ESC ]0;title\x07]', 'x']],
  ['\x1b]0;title\x1b\\x', ['[ESC ]0;titleESC \\]', 'x']],
  ['\x1bPq#0\x1b\\x', ['[ESC Pq#0ESC \\]', 'x']],
  ['\x1b[3\x18x', ['[ESC [3\x18]', 'x']],
  ['\x1b[3\x1b[Hx', ['[ESC [3]', '[ESC [H]', 'x']],
  ['\u009b2Jx', ['[\u009b2J]', 'x']],
  ['\u0085x', ['[\u0085]', 'x']],
  ['é漢🙂', ['é', '漢', '🙂']],
  ['e\u0301x', ['e\u0301', 'x']],
  ['a\x1b[', ['a', '[ESC []']],
])('%j', (text, expected) => expect(tokens(text)).toEqual(expected));

test('a character that breaks off is a token of its own', () => {
  const bytes = Uint8Array.of(0xe6, 0xbc, 0x61);
  expect([...tokensOf(bytes)]).toEqual([
    { start: 0, end: 2, prints: true },
    { start: 2, end: 3, prints: true },
  ]);
});
