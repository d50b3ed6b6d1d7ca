/**
 * Framing of gdb's Remote Serial Protocol (gdb manual, "Overview" of the appendix "gdb Remote Serial Protocol"):
 *
 *   $ payload # checksum        a packet; the checksum is two digits, the sum of the payload's bytes mod 256
 *   + and -                     the other side has, or has not, understood a packet
 *   03h between packets         Ctrl-C
 *
 * In a payload `}` announces a byte that was changed by XOR 20h. In what the debuggee sends, `*` and a character
 * say that the byte before comes so many times more. gdb itself sends no such runs.
 */
import { byteHex, fromText } from './hex.ts';

const BEGIN = 0x24; // $
const END = 0x23; // #
const ESCAPE = 0x7d; // }
const RUN = 0x2a; // *
const CHANGED = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const INTERRUPT = 0x03;
/** A packet that is longer than that comes from no gdb: what was collected of it is dropped. */
const LONGEST = 0x10_0000;

export const ACCEPTED = Uint8Array.of(PLUS);
export const REJECTED = Uint8Array.of(MINUS);

/** The payload of the longest packet that gdb may send. */
export const PACKET_SIZE = 0x4000;

/** What came from gdb. A payload has a character for each byte, escapes undone. */
export type Received =
  | { readonly kind: 'packet'; readonly payload: string }
  /** A packet whose checksum was wrong. */
  | { readonly kind: 'garbled' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'interrupt' };

/** Bytes that mean something between packets. */
const SINGLE: Readonly<Record<number, Received>> = {
  [PLUS]: { kind: 'accepted' },
  [MINUS]: { kind: 'rejected' },
  [INTERRUPT]: { kind: 'interrupt' },
};

/** Takes a stream apart, however it was cut into pieces. Bytes between packets that mean nothing are skipped. */
export class PacketReader {
  /** Bytes of the packet under way, `$` not included; undefined between packets. */
  #packet: number[] | undefined;

  feed(bytes: Uint8Array): Received[] {
    const received: Received[] = [];
    for (const byte of bytes) {
      const found = this.#packet === undefined ? this.#between(byte) : this.#within(this.#packet, byte);
      if (found !== undefined) received.push(found);
    }
    return received;
  }

  #between(byte: number): Received | undefined {
    if (byte === BEGIN) this.#packet = [];
    return SINGLE[byte];
  }

  #within(packet: number[], byte: number): Received | undefined {
    if (byte === BEGIN) {
      // A `$` in a payload is escaped: the end of the packet before was lost.
      this.#packet = [];
      return { kind: 'garbled' };
    }
    packet.push(byte);
    if (packet.at(-3) === END) {
      this.#packet = undefined;
      return open(packet);
    }
    if (packet.length <= LONGEST) return undefined;
    this.#packet = undefined;
    return { kind: 'garbled' };
  }
}

/** @param packet ends with `#` and two digits */
function open(packet: readonly number[]): Received {
  const body = packet.slice(0, -3);
  const digits = String.fromCharCode(...packet.slice(-2));
  const right = /^[0-9a-fA-F]{2}$/.test(digits) && Number.parseInt(digits, 16) === checksum(body);
  return right ? { kind: 'packet', payload: unescaped(body) } : { kind: 'garbled' };
}

function checksum(bytes: Iterable<number>): number {
  let sum = 0;
  for (const byte of bytes) sum = (sum + byte) & 0xff;
  return sum;
}

function unescaped(body: readonly number[]): string {
  let payload = '';
  for (let i = 0; i < body.length; i++) {
    const escaped = body[i] === ESCAPE && i + 1 < body.length;
    payload += String.fromCharCode(escaped ? body[++i] ^ CHANGED : body[i]);
  }
  return payload;
}

const SPECIAL: ReadonlySet<number> = new Set([BEGIN, END, ESCAPE, RUN]);

/** A packet with this payload, a character for each byte. Equal bytes in a row are sent as runs. */
export function encodePacket(payload: string): Uint8Array {
  const body = withRuns(escaped(payload));
  return Uint8Array.from([BEGIN, ...body, END, ...fromText(byteHex(checksum(body)))]);
}

function escaped(payload: string): number[] {
  return [...fromText(payload)].flatMap((byte) => (SPECIAL.has(byte) ? [ESCAPE, byte ^ CHANGED] : [byte]));
}

/** A run's length is a printing character: how often the byte comes again, plus 29. */
const LENGTH_BASE = 29;
const SHORTEST_RUN = 3;
const LONGEST_RUN = 0x7e - LENGTH_BASE;
/** Lengths whose characters would begin or end a packet. */
const FORBIDDEN: readonly number[] = [END - LENGTH_BASE, BEGIN - LENGTH_BASE];

function withRuns(bytes: readonly number[]): number[] {
  const result: number[] = [];
  for (let i = 0; i < bytes.length; ) {
    const again = repetitions(bytes, i);
    result.push(bytes[i]);
    if (again >= SHORTEST_RUN) result.push(RUN, again + LENGTH_BASE);
    i += again >= SHORTEST_RUN ? again + 1 : 1;
  }
  return result;
}

/** How often the byte at `start` comes again right behind it, as far as one run can say. */
function repetitions(bytes: readonly number[], start: number): number {
  let count = 0;
  while (count < LONGEST_RUN && bytes[start + count + 1] === bytes[start]) count++;
  while (FORBIDDEN.includes(count)) count--;
  return count;
}
