import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Step } from './command.ts';
import { Conversation } from './conversation.ts';
import { StreamMatcher } from './stream-matcher.ts';

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const text = (chunks: readonly Uint8Array[]) => chunks.map((chunk) => String.fromCharCode(...chunk)).join('');
const step = (kind: Step['kind'], words: string): Step => ({ kind, text: words, bytes: bytes(words) });
const until = (words: string) => step('until', words);
const send = (words: string) => step('send', words);

describe('StreamMatcher', () => {
  it('finds what indexOf finds, however the stream is cut', () => {
    const letters = (max: number) => fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: max });
    fc.assert(
      fc.property(letters(5), letters(60), fc.array(fc.nat(7), { maxLength: 80 }), (wanted, stream, cuts) => {
        fc.pre(wanted.length > 0);
        const matcher = new StreamMatcher(bytes(wanted));
        let at = 0;
        let found = -1;
        for (let i = 0; at < stream.length && found < 0; i++) {
          const chunk = stream.slice(at, at + (cuts[i] ?? 1));
          const end = matcher.feed(bytes(chunk));
          if (end !== undefined) found = at + end - wanted.length;
          at += chunk.length;
          if (i > 80 + stream.length) throw new Error('no progress');
        }
        expect(found).toBe(stream.indexOf(wanted));
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it('refuses the empty text', () => {
    expect(() => new StreamMatcher(new Uint8Array(0))).toThrow(RangeError);
  });
});

describe('Conversation', () => {
  it('answers when the text has come, also in pieces', () => {
    const conversation = new Conversation([until('login: '), send('root\n'), until('# ')]);
    expect(conversation.start()).toEqual([]);
    expect(text(conversation.feed(bytes('Debian\nlog')))).toBe('');
    expect(conversation.waitingFor).toBe('login: ');
    expect(text(conversation.feed(bytes('in: ')))).toBe('root\n');
    expect([conversation.met, conversation.over, conversation.waitingFor]).toEqual([1, false, '# ']);
    conversation.feed(bytes('root\n# '));
    expect([conversation.met, conversation.over, conversation.waitingFor]).toEqual([2, true, undefined]);
  });

  it('does not count output before a match again', () => {
    const conversation = new Conversation([until('ab'), until('ab'), until('a')]);
    conversation.start();
    conversation.feed(bytes('xab'));
    expect(conversation.met).toBe(1);
    conversation.feed(bytes('xxabxa'));
    expect([conversation.met, conversation.over]).toEqual([3, true]);
  });

  it('sends at once what stands first, and goes on after a final send', () => {
    const conversation = new Conversation([send('x'), send('y'), until('z'), send('poweroff\n')]);
    expect(text(conversation.start())).toBe('xy');
    expect(text(conversation.feed(bytes('z')))).toBe('poweroff\n');
    expect([conversation.met, conversation.over]).toEqual([1, false]);
  });

  it('is never over without anything to wait for', () => {
    const conversation = new Conversation([]);
    conversation.start();
    expect(conversation.feed(bytes('abc'))).toEqual([]);
    expect(conversation.over).toBe(false);
  });
});
