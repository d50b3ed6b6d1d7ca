import { expect, test } from 'vitest';
import { stackView } from './stack.ts';
import { longModeState } from './testing.ts';

const OF = { vm: 1, vcpu: 0 };
const CODE = 0x40_0000;
const STACK = 0x80_0000;

/** Code with `call` at 10h (5 bytes) and `call rax` at 20h (2 bytes), and a stack of 64-bit words. */
function memory(words: readonly bigint[]) {
  const code = new Uint8Array(0x100).fill(0x90);
  code.set([0xe8, 0x10, 0, 0, 0], 0x10);
  code.set([0xff, 0xd0], 0x20);
  const stack = new Uint8Array(BigUint64Array.from(words).buffer);
  return (address: bigint, length: number): Uint8Array => {
    const at = Number(address);
    if (at >= CODE - 0x10 && at < CODE + 0x100) return code.slice(Math.max(0, at - CODE), at - CODE + length);
    if (at >= STACK && at < STACK + stack.length) return stack.slice(at - STACK, at - STACK + length);
    return new Uint8Array();
  };
}

function view(words: readonly bigint[], rbp: bigint) {
  const general = Array.from({ length: 16 }, () => 0n);
  general[4] = BigInt(STACK);
  general[5] = rbp;
  const nameOf = (address: bigint) =>
    address >= CODE && address < CODE + 0x100 ? { name: 'main', offset: Number(address) - CODE } : undefined;
  return stackView({
    of: OF,
    state: longModeState({ general, rip: BigInt(CODE) }),
    read: memory(words),
    nameOf,
  });
}

test('return addresses are those behind a call; pointers into the stack and symbols are told', () => {
  const { rows, ended } = view([BigInt(CODE + 0x15), 5n, BigInt(STACK + 0x20), BigInt(CODE + 0x40), 0n], 0n);
  expect(rows.map(({ guess }) => guess)).toEqual(['return', null, 'stack', 'symbol', null]);
  expect(rows[0]).toMatchObject({ text: 'main+0x15, behind call 0x400025', target: BigInt(CODE + 0x15) });
  expect(rows[2]?.text).toBe('top + 0x20');
  expect(ended).toBe('No memory is mapped at 0x800028.');
});

test('the chain of frame pointers leads to the callers', () => {
  const words = [7n, BigInt(STACK + 0x20), BigInt(CODE + 0x15), 9n, 0n, BigInt(CODE + 0x22), 0n];
  const { calls, method, rows } = view(words, BigInt(STACK + 8));
  expect(method).toBe('frame pointers');
  expect(calls.map(({ name, call }) => [name, call])).toEqual([
    ['main', ''],
    ['main+0x15', 'call 0x400025'],
    ['main+0x22', 'call rax'],
  ]);
  expect(rows[1]).toMatchObject({ guess: 'frame', target: BigInt(STACK + 0x20) });
});

test('without frame pointers all return addresses are calls', () => {
  const { calls, method } = view([1n, BigInt(CODE + 0x22), 3n, BigInt(CODE + 0x15)], 1n);
  expect(method).toBe('scan');
  expect(calls.map(({ address }) => Number(address) - CODE)).toEqual([0, 0x22, 0x15]);
});
