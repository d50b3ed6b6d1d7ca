import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConditionError, parseCondition } from '../../../protocol/condition.ts';
import { type ConditionSource, evaluate } from './evaluate.ts';

const RAX = 0x1122_3344_5566_7788n;
const REGISTERS: Readonly<Record<string, bigint>> = { rax: RAX, rsp: 0x1000n, rflags: 0x246n, r9: 0xffffn };
const source: ConditionSource = {
  register: (name) => REGISTERS[name] ?? 0n,
  // Each byte is the low byte of its address; nothing is mapped from 0x2000 on.
  memory: (address, bytes) => {
    let value = 0n;
    for (let i = BigInt(bytes) - 1n; i >= 0n; i--) value = (value << 8n) | ((address + i) & 0xffn);
    return address < 0x2000n ? value : undefined;
  },
};
const value = (text: string) => evaluate(parseCondition(text), source);

describe('conditions', () => {
  test.each([
    ['rax == 0x1122334455667788', 1n],
    ['EAX', 0x5566_7788n],
    ['ax', 0x7788n],
    ['ah', 0x77n],
    ['al', 0x88n],
    ['r9b', 0xffn],
    ['zf && !cf', 1n],
    ['[rsp + 8]:8 != 0 && rsp == 4096', 1n],
    ['[rsp+1]:2', 0x201n],
    ['[0x10]:1', 0x10n],
    ['[0]', 0x0706_0504_0302_0100n],
    ['1 + 2 * 3', 7n],
    ['(1 + 2) * 3', 9n],
    ['10 - 3 - 2', 5n],
    ['1 | 2 == 2', 1n],
    ['-1 == ~0', 1n],
    ['1 << 64', 0n],
    ['0xffff_ffff_ffff_ffff + 1', 0n],
    ['[0x3000]', undefined],
    ['1 / 0', undefined],
    ['0 && [0x3000]', 0n],
    ['1 || 1 / 0', 1n],
  ])('%s', (text, expected) => expect(value(text)).toBe(expected));

  test.each([
    ['', 1, 'a value is missing before the end'],
    ['rax ==', 7, 'a value is missing before the end'],
    ['rax = 1', 5, '"=" has no meaning here'],
    ['foo', 1, 'there is no register "foo"'],
    ['rax 1', 5, 'an operator is missing before "1"'],
    ['(rax', 5, '")" is missing before the end'],
    ['[rax]:3', 7, 'after ":" come 1, 2, 4 or 8 bytes'],
    ['0x', 1, '"0x" is no number: write 16 or 0x10'],
    ['1 + 0x10000000000000000', 5, '"0x10000000000000000" has more than 64 bits'],
  ])('"%s" is refused at column %i', (text, column, what) => {
    expect(() => parseCondition(text)).toThrow(new ConditionError(column, what));
  });

  /** A text and what it is worth, by way of BigInt alone; fully in parentheses or by precedence. */
  const wrap = (n: bigint) => BigInt.asUintN(64, n);
  const numbers = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((n) => ({ text: `${n}`, value: n }));
  const OPERATORS = {
    '+': (a: bigint, b: bigint) => wrap(a + b),
    '-': (a: bigint, b: bigint) => wrap(a - b),
    '*': (a: bigint, b: bigint) => wrap(a * b),
    '&': (a: bigint, b: bigint) => a & b,
    '^': (a: bigint, b: bigint) => a ^ b,
    '<': (a: bigint, b: bigint) => (a < b ? 1n : 0n),
  };
  const { expression } = fc.letrec<{ expression: { text: string; value: bigint } }>((tie) => ({
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      numbers,
      fc
        .tuple(
          tie('expression'),
          fc.constantFrom(...(Object.keys(OPERATORS) as (keyof typeof OPERATORS)[])),
          tie('expression'),
        )
        .map(([a, operator, b]) => ({
          text: `(${a.text} ${operator}${b.text})`,
          value: OPERATORS[operator](a.value, b.value),
        })),
    ),
  }));

  test('any expression is worth what its operators say', () => {
    fc.assert(
      fc.property(expression, ({ text, value: expected }) => {
        expect(value(text)).toBe(expected);
      }),
    );
  });

  test('what is no condition is refused at a column of it', () => {
    const pieces = fc.array(fc.constantFrom('rax', '[', ']', ':', '8', '(', ')', '+', '&&', '!', '@', ' '));
    fc.assert(
      fc.property(pieces, (list) => {
        const text = list.join('');
        try {
          parseCondition(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ConditionError);
          const { column } = error as ConditionError;
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual(text.length + 1);
        }
      }),
    );
  });
});
