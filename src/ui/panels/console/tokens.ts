/**
 * Cuts what a terminal gets into tokens: a character to print with the marks that combine with it, a control
 * character, an escape sequence as a whole. As xterm's parser does (vt100.net's state machine, UTF-8), so that
 * whatever stands between two tokens is between two actions of the terminal.
 */

export interface Token {
  /** Offsets of its first byte, and behind its last. */
  readonly start: number;
  readonly end: number;
  /** A character that is printed. */
  readonly prints: boolean;
}

const ESC = 0x1b;
const BEL = 0x07;
/** CAN and SUB end a sequence. */
const CANCELS: ReadonlySet<number> = new Set([0x18, 0x1a]);
/** What begins a sequence, by the byte after ESC, or by the C1 control less 40h. */
const CSI = 0x5b;
/** DCS, SOS, OSC, PM, APC: a string up to ST; OSC also up to BEL. */
const STRINGS: ReadonlySet<number> = new Set([0x50, 0x58, 0x5d, 0x5e, 0x5f]);
const OSC = 0x5d;
const COMBINING = /^(?:\p{M}|\p{Cf})/u;

const decoder = new TextDecoder();

/** All tokens, one after the other; the last one may be incomplete. */
export function* tokensOf(bytes: Uint8Array): Generator<Token> {
  for (let start = 0; start < bytes.length; ) {
    const first = bytes[start];
    const isC1 = first === 0xc2 && bytes[start + 1] >= 0x80 && bytes[start + 1] < 0xa0;
    if (first === ESC || isC1) {
      const kind = isC1 ? bytes[start + 1] - 0x40 : bytes[start + 1];
      const end = sequenceEnd(bytes, start + 1, start + 2, kind, isC1);
      yield { start, end, prints: false };
      start = end;
      continue;
    }
    if (first < 0x20 || first === 0x7f) {
      yield { start, end: start + 1, prints: false };
      start++;
      continue;
    }
    let end = start + characterLength(bytes, start);
    while (combines(bytes, end)) end += characterLength(bytes, end);
    yield { start, end, prints: true };
    start = end;
  }
}

function sequenceEnd(bytes: Uint8Array, second: number, at: number, kind: number, isC1: boolean): number {
  if (second >= bytes.length) return bytes.length;
  // A lone ESC before another one, or before CAN.
  if (!isC1 && (kind === ESC || CANCELS.has(kind))) return kind === ESC ? second : at;
  if (STRINGS.has(kind)) return stringEnd(bytes, at, kind === OSC);
  if (kind === CSI) return finalByte(bytes, at, 0x40);
  // ESC, intermediates, and a final byte; a C1 control is complete.
  return isC1 ? at : finalByte(bytes, second, 0x30);
}

/** Behind the first byte from `lowest` to 7Eh, or what ends the sequence before. */
function finalByte(bytes: Uint8Array, from: number, lowest: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === ESC) return at;
    if (CANCELS.has(byte) || (byte >= lowest && byte < 0x7f)) return at + 1;
  }
  return bytes.length;
}

function stringEnd(bytes: Uint8Array, from: number, byBell: boolean): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (CANCELS.has(byte) || (byBell && byte === BEL)) return at + 1;
    // ST is ESC \; another sequence ends the string too, and is a token of its own.
    if (byte === ESC) return bytes[at + 1] === 0x5c ? at + 2 : at;
    if (byte === 0xc2 && bytes[at + 1] === 0x9c) return at + 2;
  }
  return bytes.length;
}

/** Bytes of the UTF-8 character that begins here. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  const wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  let length = 1;
  while (length < wanted && (bytes[at + length] & 0xc0) === 0x80) length++;
  return length;
}

function combines(bytes: Uint8Array, at: number): boolean {
  if (at >= bytes.length || bytes[at] < 0xc0) return false;
  return COMBINING.test(decoder.decode(bytes.subarray(at, at + characterLength(bytes, at))));
}
