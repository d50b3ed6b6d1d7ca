/**
 * The vector file: Brotli over a length, a JSON header, and one stream of bytes for each kind of thing
 * (all code bytes together, all masks together ...), which compresses far better than whole vectors would.
 * README.md describes it.
 */
import type { Profile } from './initial.ts';
import { FIELDS, type State } from './layout.ts';

export const VERSION = 1;

/** How exactly an implementation must agree with the recording. */
export type Tolerance =
  /** Bit for bit. */
  | 'exact'
  /** x87 results within one unit in the last place: the transcendental instructions. */
  | 'ulp'
  /** XMM results with a relative error of at most 1.5 * 2^-12: reciprocal estimates. */
  | 'estimate';

/** What the vectors of one instruction form have in common. */
export interface TemplateHeader {
  readonly name: string;
  readonly bits: 32 | 64;
  readonly profile: Profile;
  /** Bits of the x87 status word that the manuals leave undefined. */
  readonly undefinedStatus: number;
  readonly tolerance: Tolerance;
  /** Vectors in the file, all in a row. */
  readonly count: number;
}

export const STREAMS = [
  'lengths', // u8: bytes of code
  'code',
  'undefined', // u16: RFLAGS bits left undefined
  'ignored', // u8, u8: first byte and length of the undefined part of the window
  'exceptions', // u8: vector, NO_EXCEPTION if the instruction completed
  'errors', // u16, for each exception
  'addresses', // u64: CR2, for each page fault
  'setupCounts', // u8: fields that differ between the state made from the seed and the initial state
  'setupFields', // u8: index in FIELDS
  'setupMasks', // u16: bit i is 1 when byte i differs
  'setupBytes', // the bytes that differ
  'resultCounts', // the same four, for what the instruction changed
  'resultFields',
  'resultMasks',
  'resultBytes',
] as const;
export type StreamName = (typeof STREAMS)[number];

export interface FileHeader {
  readonly version: number;
  readonly name: string;
  /** The seed of vector i is mix(seed, i). */
  readonly seed: number;
  readonly templates: readonly TemplateHeader[];
  /** Checksum over the initial states of every 64th vector. */
  readonly check: number;
  readonly sizes: Readonly<Record<StreamName, number>>;
}

export const NO_EXCEPTION = 0xff;
export const CHECK_STEP = 64;

/** One step of the checksum over initial states (FNV-1a on words). */
export function checksum(sum: number, state: State): number {
  let hash = sum;
  for (const word of state.u32) hash = Math.imul(hash ^ word, 0x01000193);
  return hash >>> 0;
}

/** A stream that grows while it is written. */
class Output {
  #bytes = new Uint8Array(1 << 16);
  length = 0;

  u8(value: number): void {
    if (this.length === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.length++] = value;
  }

  u16(value: number): void {
    this.u8(value & 0xff);
    this.u8(value >>> 8);
  }

  contents(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

/** A vector as the writer takes it. */
export interface RecordedVector {
  readonly code: Uint8Array;
  readonly undefinedFlags: number;
  readonly ignored: { readonly offset: number; readonly length: number };
  readonly exception: {
    readonly vector: number;
    readonly errorCode: number;
    readonly address: bigint;
  } | null;
}

/** Collects vectors and gives the uncompressed file. */
export class VectorWriter {
  readonly #streams = Object.fromEntries(STREAMS.map((name) => [name, new Output()])) as Record<
    StreamName,
    Output
  >;
  #check = 0;
  #count = 0;

  /**
   * Adds a vector.
   * @param made the state made from the seed
   * @param initial the state that the instruction started with
   * @param assumed what a reader assumes of the end: the initial state, with RIP behind an instruction that completed
   * @param expected the state at the end
   */
  add(vector: RecordedVector, made: State, initial: State, assumed: State, expected: State): void {
    const streams = this.#streams;
    if (this.#count++ % CHECK_STEP === 0) this.#check = checksum(this.#check, initial);
    streams.lengths.u8(vector.code.length);
    for (const byte of vector.code) streams.code.u8(byte);
    streams.undefined.u16(vector.undefinedFlags);
    streams.ignored.u8(vector.ignored.offset);
    streams.ignored.u8(vector.ignored.length);
    streams.exceptions.u8(vector.exception?.vector ?? NO_EXCEPTION);
    if (vector.exception) {
      streams.errors.u16(vector.exception.errorCode);
      if (vector.exception.vector === 14) {
        for (let shift = 0n; shift < 64n; shift += 8n)
          streams.addresses.u8(Number((vector.exception.address >> shift) & 0xffn));
      }
    }
    this.#difference('setup', made, initial);
    this.#difference('result', assumed, expected);
  }

  #difference(kind: 'setup' | 'result', from: State, to: State): void {
    const streams = this.#streams;
    let count = 0;
    FIELDS.forEach(({ offset, size }, index) => {
      let mask = 0;
      for (let i = 0; i < size; i++) {
        const byte = to.bytes[offset + i] as number;
        if (byte === from.bytes[offset + i]) continue;
        mask |= 1 << i;
        streams[`${kind}Bytes`].u8(byte);
      }
      if (mask === 0) return;
      streams[`${kind}Fields`].u8(index);
      streams[`${kind}Masks`].u16(mask);
      count++;
    });
    streams[`${kind}Counts`].u8(count);
  }

  /** The uncompressed file. */
  finish(name: string, seed: number, templates: readonly TemplateHeader[]): Uint8Array {
    const contents = STREAMS.map((stream) => this.#streams[stream].contents());
    const sizes = Object.fromEntries(STREAMS.map((stream) => [stream, this.#streams[stream].length]));
    const header = { version: VERSION, name, seed, templates, check: this.#check, sizes };
    const json = new TextEncoder().encode(JSON.stringify(header));
    return Buffer.concat([new Uint8Array(Uint32Array.of(json.length).buffer), json, ...contents]);
  }
}
