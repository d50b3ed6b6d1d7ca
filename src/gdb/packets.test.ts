import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromText, toText } from './hex.ts';
import { encodePacket, PacketReader, type Received } from './packets.ts';
import { decodeReplies, gdbPacket } from './testing.ts';

/** Any bytes, and among them often those that mean something, and runs. */
const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...fromText('$#}*+-\x03 0')));
const payload = fc
  .array(fc.tuple(byte, fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 200 }))))
  .map((runs) => runs.map(([value, count]) => String.fromCharCode(value).repeat(count)).join(''));

const read = (text: string): Received[] => new PacketReader().feed(fromText(text));
const packet = (text: string): Received => ({ kind: 'packet', payload: text });

describe('a packet that is sent', () => {
  it('is read by gdb as it was meant', () => {
    fc.assert(
      fc.property(payload, (text) => {
        expect(decodeReplies(encodePacket(text))).toEqual([text]);
      }),
    );
  });

  it('has no byte inside that begins or ends a packet', () => {
    fc.assert(
      fc.property(payload, (text) => {
        expect(toText(encodePacket(text)).slice(1, -3)).not.toMatch(/[$#]/);
      }),
    );
  });

  it('says runs shortly', () => {
    expect(toText(encodePacket('0000'))).toBe('$0* #7a');
    expect(toText(encodePacket('00'))).toBe('$00#60');
    // Seven and eight equal bytes would give the lengths # and $.
    expect(toText(encodePacket('0'.repeat(7)))).toBe(`$0*"0#ac`);
    expect(encodePacket('0'.repeat(98)).length).toBe(7);
  });
});

describe('a stream from gdb', () => {
  it('is the same however it is cut', () => {
    const stream = fc
      .array(
        fc.oneof(payload.map(gdbPacket), fc.constantFrom(fromText('+'), fromText('-'), fromText('\x03'))),
      )
      .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));
    fc.assert(
      fc.property(stream, fc.array(fc.nat()), (bytes, cuts) => {
        const whole = new PacketReader().feed(bytes);
        const reader = new PacketReader();
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
        let from = 0;
        const pieces = ends.flatMap((end) => {
          const piece = bytes.subarray(from, end);
          from = end;
          return reader.feed(piece);
        });
        expect(pieces).toEqual(whole);
      }),
    );
  });

  it('gives the payloads back', () => {
    fc.assert(
      fc.property(fc.array(payload), (texts) => {
        const stream = texts.map((text) => toText(gdbPacket(text))).join('+');
        const packets = read(stream).filter(({ kind }) => kind === 'packet');
        expect(packets).toEqual(texts.map(packet));
      }),
    );
  });

  it('is noticed when a bit is wrong', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'abcdef0123') }),
        fc.nat(),
        fc.integer({ min: 0, max: 2 }),
        (text, place, bit) => {
          const bytes = gdbPacket(text);
          // Neither the ends of the packet nor the two digits of the sum.
          const inside = bytes.length - 4;
          fc.pre(inside > 0);
          bytes[1 + (place % inside)] ^= 1 << bit;
          expect(new PacketReader().feed(bytes)).not.toContainEqual(
            expect.objectContaining({ kind: 'packet' }),
          );
        },
      ),
    );
  });

  it('has acknowledgements and Ctrl-C between packets only', () => {
    expect(read('+-\x03$a\x03+#8f')).toEqual([
      { kind: 'accepted' },
      { kind: 'rejected' },
      { kind: 'interrupt' },
      packet('a\x03+'),
    ]);
  });

  it('goes on behind what is garbled', () => {
    expect(read('$a#62$a#61')).toEqual([{ kind: 'garbled' }, packet('a')]);
    expect(read('$a#zz$a#61')).toEqual([{ kind: 'garbled' }, packet('a')]);
    expect(read('$lost $a#61')).toEqual([{ kind: 'garbled' }, packet('a')]);
    expect(read(' noise $a#61')).toEqual([packet('a')]);
  });

  it('gives up a packet without an end', () => {
    const endless = `$${'a'.repeat(0x10_0002)}`;
    expect(read(`${endless}$a#61`).map(({ kind }) => kind)).toEqual(['garbled', 'packet']);
  });
});
