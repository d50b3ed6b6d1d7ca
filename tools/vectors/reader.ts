/** Reads recorded vectors: what single instructions did on a real processor. */
import { readdirSync, readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import {
  CHECK_STEP,
  checksum,
  type FileHeader,
  NO_EXCEPTION,
  STREAMS,
  type StreamName,
  type TemplateHeader,
  VERSION,
} from './format.ts';
import { makeInitial } from './initial.ts';
import { CODE, FIELDS, OFFSET, State } from './layout.ts';
import { mix } from './random.ts';

/** An exception of the instruction itself (not of stepping over it). */
export interface RecordedException {
  readonly vector: number;
  /** 0 for exceptions without one. */
  readonly errorCode: number;
  /** CR2 of a page fault, else 0. */
  readonly address: bigint;
}

/**
 * One instruction: the machine before and after.
 * A reader gives the same object and the same states again for every vector: copy what is to be kept.
 */
export interface Vector {
  /** Position in its file. */
  readonly index: number;
  readonly template: TemplateHeader;
  /** Placed at the linear address CODE. */
  readonly code: Uint8Array;
  readonly initial: State;
  readonly expected: State;
  readonly exception: RecordedException | null;
  /** Bits of RFLAGS whose value afterwards the manuals leave undefined. */
  readonly undefinedFlags: number;
  /** Bytes of the window whose contents afterwards depend on the processor model; length 0 for none. */
  readonly ignored: { readonly offset: number; readonly length: number };
}

const folder = new URL('./data/', import.meta.url);

/** Names of the committed vector files, for readVectorFile. */
export function vectorFiles(): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.bin.br'))
    .map((name) => name.slice(0, -'.bin.br'.length))
    .sort();
}

/** The vectors of a committed file, for example "integer-64". */
export function readVectorFile(name: string): Iterable<Vector> {
  return readVectors(readFileSync(new URL(`${name}.bin.br`, folder)));
}

/** A stream of a file, read from its beginning. */
class Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.#bytes[this.#at++] as number;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 64n; shift += 8n) value |= BigInt(this.u8()) << shift;
    return value;
  }

  take(length: number): Uint8Array {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function open(file: Uint8Array): { header: FileHeader; streams: Record<StreamName, Input> } {
  const data = brotliDecompressSync(file);
  const headerEnd = 4 + data.readUInt32LE(0);
  const header = JSON.parse(data.toString('utf8', 4, headerEnd)) as FileHeader;
  if (header.version !== VERSION)
    throw new Error(`vector file of version ${header.version}, expected ${VERSION}`);
  const streams = {} as Record<StreamName, Input>;
  let at = headerEnd;
  for (const name of STREAMS) {
    streams[name] = new Input(data.subarray(at, at + header.sizes[name]));
    at += header.sizes[name];
  }
  if (at !== data.length)
    throw new Error(`vector file "${header.name}": ${data.length} bytes, expected ${at}`);
  return { header, streams };
}

function change(streams: Record<StreamName, Input>, kind: 'setup' | 'result', state: State): void {
  for (let left = streams[`${kind}Counts`].u8(); left > 0; left--) {
    const field = FIELDS[streams[`${kind}Fields`].u8()];
    if (!field) throw new Error('vector file names an unknown field');
    const mask = streams[`${kind}Masks`].u16();
    for (let i = 0; i < field.size; i++) {
      if (mask & (1 << i)) state.bytes[field.offset + i] = streams[`${kind}Bytes`].u8();
    }
  }
}

function readException({
  exceptions,
  errors,
  addresses,
}: Record<StreamName, Input>): RecordedException | null {
  const vector = exceptions.u8();
  if (vector === NO_EXCEPTION) return null;
  return { vector, errorCode: errors.u16(), address: vector === 14 ? addresses.u64() : 0n };
}

/**
 * The vectors of a file.
 * Throws an Error when the file is damaged or was recorded with other initial states than this program makes.
 */
export function* readVectors(file: Uint8Array): Generator<Vector, void, undefined> {
  const { header, streams } = open(file);
  const initial = new State();
  const expected = new State();
  let index = 0;
  let check = 0;
  for (const template of header.templates) {
    for (let i = 0; i < template.count; i++, index++) {
      makeInitial(initial, mix(header.seed, index), template.profile, template.bits);
      change(streams, 'setup', initial);
      if (index % CHECK_STEP === 0) check = checksum(check, initial);
      const code = streams.code.take(streams.lengths.u8());
      const undefinedFlags = streams.undefined.u16();
      const ignored = { offset: streams.ignored.u8(), length: streams.ignored.u8() };
      const exception = readException(streams);
      expected.copyFrom(initial);
      if (!exception) expected.u32[OFFSET.rip / 4] = CODE + code.length;
      change(streams, 'result', expected);
      yield { index, template, code, initial, expected, exception, undefinedFlags, ignored };
    }
  }
  if (check !== header.check) {
    throw new Error(
      `vector file "${header.name}" was recorded with other initial states: npm run vectors:record`,
    );
  }
}
