import { GPR, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE } from '../../arch/segments.ts';
import type { CallFrame, StackRow, StackView } from '../../protocol/stack-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import { callBefore } from './call-site.ts';
import type { ReadLinear } from './code.ts';
import { modeOf } from './modes.ts';
import type { ProcessorState } from './processor-state.ts';
import { type NameOf, symbolText } from './symbol-text.ts';

const ROWS = 96;
const MOST_CALLS = 32;
/** A frame pointer points no farther into the stack. */
const LARGEST_FRAME = 0x1_0000n;
/** Numbers below are not taken for addresses. */
const LOWEST_POINTER = 0x400n;

export interface StackRequest {
  readonly of: VcpuRef;
  readonly state: ProcessorState;
  readonly read: ReadLinear;
  readonly nameOf: NameOf;
}

/** The stack panel: rows from the top upwards, what they may be, and the calls that they tell of. */
export function stackView({ of, state, read, nameOf }: StackRequest): StackView {
  const { bitness } = modeOf(state);
  const width = widthOf(state, bitness);
  const bits = width * 8;
  const base = bitness === 64 ? 0n : (state.segments[SEG.SS]?.base ?? 0n);
  const codeBase = bitness === 64 ? 0n : (state.segments[SEG.CS]?.base ?? 0n);
  const top = base + BigInt.asUintN(bits, state.general[GPR.RSP] ?? 0n);
  const bytes = read(top, ROWS * width);
  const values = valuesOf(bytes, width);
  const place = (n: number) => top + BigInt(n * width);
  const callAt = (value: bigint) =>
    value < LOWEST_POINTER && bitness !== 16 ? undefined : callBefore(codeBase + value, bitness, read);
  const chain = frameChain(base + BigInt.asUintN(bits, state.general[GPR.RBP] ?? 0n), base, {
    top,
    width,
    read,
    isReturn: (value) => callAt(value) !== undefined,
  });
  const frames = new Set(chain.frames);
  const rows = values.map((value, n): StackRow => {
    const address = place(n);
    const row = { address, value, changed: false };
    const call = callAt(value);
    if (call !== undefined) {
      const target = codeBase + value;
      const name = symbolText(nameOf(target));
      return { ...row, guess: 'return', text: `${name === null ? '' : `${name}, `}behind ${call}`, target };
    }
    const pointed = base + value;
    if (frames.has(address))
      return { ...row, guess: 'frame', text: 'frame pointer of the caller', target: pointed };
    if (pointed >= top && pointed < top + LARGEST_FRAME && bitness !== 16)
      return { ...row, guess: 'stack', text: `top + 0x${(pointed - top).toString(16)}`, target: pointed };
    const name = value < LOWEST_POINTER ? null : symbolText(nameOf(codeBase + value));
    if (name !== null) return { ...row, guess: 'symbol', text: name, target: codeBase + value };
    return { ...row, guess: null, text: '', target: null };
  });
  const returns = chain.returns.length > 0 ? chain.returns : scan(rows);
  const first: CallFrame = {
    address: codeBase + state.rip,
    name: symbolText(nameOf(codeBase + state.rip)),
    at: null,
    call: '',
  };
  const calls = returns.slice(0, MOST_CALLS).map(({ at, value }): CallFrame => {
    const address = codeBase + value;
    return { address, name: symbolText(nameOf(address)), at, call: callAt(value) ?? '' };
  });
  return {
    of,
    top,
    width,
    rows,
    ended:
      bytes.length < ROWS * width
        ? `No memory is mapped at 0x${(top + BigInt(bytes.length)).toString(16)}.`
        : null,
    calls: [first, ...calls],
    method: chain.returns.length > 0 ? 'frame pointers' : 'scan',
  };
}

interface Return {
  /** Where it is on the stack. */
  readonly at: bigint;
  readonly value: bigint;
}

/** SS decides outside 64-bit mode how wide a PUSH moves; what is pushed is as wide as code is. */
function widthOf(state: ProcessorState, bitness: 16 | 32 | 64): 2 | 4 | 8 {
  if (bitness === 64) return 8;
  const wide = ((state.segments[SEG.SS]?.attributes ?? 0) & ATTRIBUTE.DB) !== 0;
  return bitness === 32 || wide ? 4 : 2;
}

function valuesOf(bytes: Uint8Array, width: 2 | 4 | 8): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = {
    2: (at: number) => BigInt(view.getUint16(at, true)),
    4: (at: number) => BigInt(view.getUint32(at, true)),
    8: (at: number) => view.getBigUint64(at, true),
  }[width];
  return Array.from({ length: Math.floor(bytes.length / width) }, (_, n) => read(n * width));
}

interface ChainSurroundings {
  readonly top: bigint;
  readonly width: 2 | 4 | 8;
  readonly read: ReadLinear;
  readonly isReturn: (value: bigint) => boolean;
}

/**
 * Follows frame pointers: at each is the caller's, and above it the return address. The chain ends where
 * one does not point upwards or has no return address above it.
 */
function frameChain(
  start: bigint,
  base: bigint,
  { top, width, read, isReturn }: ChainSurroundings,
): { readonly frames: bigint[]; readonly returns: Return[] } {
  const frames: bigint[] = [];
  const returns: Return[] = [];
  let below = top;
  let frame = start;
  while (returns.length < MOST_CALLS && frame >= below && frame - below < LARGEST_FRAME) {
    const [saved, value] = valuesOf(read(frame, 2 * width), width);
    if (saved === undefined || value === undefined || !isReturn(value)) break;
    frames.push(frame);
    returns.push({ at: frame + BigInt(width), value });
    below = frame + BigInt(2 * width);
    frame = base + saved;
  }
  return { frames, returns };
}

function scan(rows: readonly StackRow[]): Return[] {
  return rows.filter(({ guess }) => guess === 'return').map(({ address, value }) => ({ at: address, value }));
}
