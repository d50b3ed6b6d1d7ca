/** Compares what an implementation did with what was recorded. */
import { CODE, FIELDS, type Field, OFFSET, R, RECORDED_FLAGS, type State } from './layout.ts';
import type { RecordedException, Vector } from './reader.ts';

/** How an implementation's outcome differs from the recorded one. */
export interface Difference {
  /** A field of the state, or "exception". */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

const CONDITION_C1_TO_C3 = 0x4700;
/** RSQRTPS, RCPPS: "the relative error for this approximation is |Relative Error| <= 1.5 * 2^-12". Both sides may err. */
const ESTIMATE_ERROR = 2 * 1.5 * 2 ** -12;

/** Most significant byte first, as one writes numbers. */
const hex = (bytes: Uint8Array) => Buffer.from(bytes).reverse().toString('hex');
const slice = (state: State, field: Field) => state.bytes.subarray(field.offset, field.offset + field.size);
const equal = (a: Uint8Array, b: Uint8Array) => a.every((byte, i) => byte === b[i]);

/** Most fields are equal most of the time: compared without making slices. */
function sameField(a: State, b: State, { offset, size }: Field): boolean {
  for (let i = offset; i < offset + size; i++) if (a.bytes[i] !== b.bytes[i]) return false;
  return true;
}

const text = (exception: RecordedException | null) =>
  exception ? `#${exception.vector}(${exception.errorCode}) at ${exception.address.toString(16)}` : 'none';

/** A copy of a field in which the undefined bits are those of `expected`. */
function defined(vector: Vector, field: Field, actual: State): Uint8Array {
  const bytes = Uint8Array.from(slice(actual, field));
  const expected = slice(vector.expected, field);
  const take = (i: number, undefinedBits: number) => {
    bytes[i] = ((bytes[i] as number) & ~undefinedBits) | ((expected[i] as number) & undefinedBits);
  };
  if (field.name === 'RFLAGS') {
    const ignored = vector.undefinedFlags | ~RECORDED_FLAGS;
    for (let i = 0; i < 4; i++) take(i, (ignored >>> (8 * i)) & 0xff);
  } else if (field.name === 'FSW') {
    take(0, vector.template.undefinedStatus & 0xff);
    take(1, (vector.template.undefinedStatus & CONDITION_C1_TO_C3) >>> 8);
  } else if (field.offset >= OFFSET.window && vector.ignored.length > 0) {
    const start = OFFSET.window + vector.ignored.offset - field.offset;
    for (let i = Math.max(0, start); i < Math.min(16, start + vector.ignored.length); i++) take(i, 0xff);
  } else if (vector.template.bits === 32 && (field.offset < OFFSET.rflags || field.name === 'RIP')) {
    bytes.fill(0, 4); // 32-bit code has no upper halves
  }
  return bytes;
}

/** An extended-precision number as a whole number that grows by 1 from each number to the next. */
function ordinal(bytes: Uint8Array): bigint {
  const value = BigInt(`0x${hex(bytes)}`);
  // Without the integer bit, which says nothing that the exponent does not, the largest number of a binade
  // is one below the smallest of the next.
  const exponent = (value >> 64n) & 0x7fffn;
  const magnitude = (exponent << 63n) | (value & ((1n << 63n) - 1n));
  return value >> 79n ? -magnitude : magnitude;
}

function withinUlp(expected: Uint8Array, actual: Uint8Array): boolean {
  const distance = ordinal(expected) - ordinal(actual);
  return distance >= -1n && distance <= 1n;
}

function withinEstimate(expected: Uint8Array, actual: Uint8Array): boolean {
  const numbers = (bytes: Uint8Array) => new Float32Array(Uint8Array.from(bytes).buffer);
  const actualNumbers = numbers(actual);
  return numbers(expected).every((number, i) => {
    const other = actualNumbers[i] as number;
    if (Object.is(number, other)) return true; // also NaN
    return Math.abs(number - other) <= ESTIMATE_ERROR * Math.abs(number);
  });
}

function agrees(vector: Vector, field: Field, actual: Uint8Array): boolean {
  const expected = slice(vector.expected, field);
  if (equal(expected, actual)) return true;
  if (vector.template.tolerance === 'ulp' && field.name.startsWith('ST')) return withinUlp(expected, actual);
  if (vector.template.tolerance === 'estimate' && field.name.startsWith('XMM'))
    return withinEstimate(expected, actual);
  return false;
}

/**
 * What is wrong with an implementation's outcome; empty when it agrees wherever the manuals define the result.
 * @param exception the exception that the instruction raised, or null when it completed
 */
export function differences(
  vector: Vector,
  actual: State,
  exception: RecordedException | null,
): Difference[] {
  const found: Difference[] = [];
  if (text(vector.exception) !== text(exception)) {
    found.push({ what: 'exception', expected: text(vector.exception), actual: text(exception) });
  }
  for (const field of FIELDS) {
    if (sameField(vector.expected, actual, field)) continue;
    const bytes = defined(vector, field, actual);
    if (agrees(vector, field, bytes)) continue;
    found.push({ what: field.name, expected: hex(slice(vector.expected, field)), actual: hex(bytes) });
  }
  return found;
}

/** One line for people: the instruction, where it started, and how it went wrong. */
export function explain(vector: Vector, found: readonly Difference[]): string {
  const rows = found.map(({ what, expected, actual }) => `${what} is ${actual}, recorded ${expected}`);
  const rcx = vector.initial.u64[OFFSET.gpr / 8 + R.CX]?.toString(16);
  const where = `${vector.template.bits}-bit code ${Buffer.from(vector.code).toString('hex')} at ${CODE.toString(16)}, RCX ${rcx}`;
  return `${vector.template.name}, vector ${vector.index} (${where}): ${rows.join('; ')}`;
}
