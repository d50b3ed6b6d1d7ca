import {
  type MemoryRequest,
  type MemoryRow,
  type MemoryView,
  ROW_BYTES,
} from '../../protocol/memory-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import { evaluate } from './address.ts';
import type { ProcessorState } from './processor-state.ts';

const MOST_ROWS = 512;
const NOTHING = new Uint8Array();

export interface MemoryPanelRequest {
  readonly of: VcpuRef;
  readonly state: ProcessorState;
  readonly request: MemoryRequest;
  /** The bytes of a row, which lies in one page, or why there are none. */
  readonly read: (address: bigint, length: number) => Uint8Array | string;
}

/** The memory panel: rows from the one that holds the address. */
export function memoryView({ of, state, request, read }: MemoryPanelRequest): MemoryView {
  const { space, at } = request;
  const address = evaluate(state, space, at);
  const first = address - (address % BigInt(ROW_BYTES));
  const count = Math.min(request.rows, MOST_ROWS);
  const rows = Array.from({ length: count }, (_, n): MemoryRow => {
    const row = BigInt.asUintN(64, first + BigInt(n * ROW_BYTES));
    const bytes = read(row, ROW_BYTES);
    return typeof bytes === 'string'
      ? { address: row, bytes: NOTHING, changed: 0, missing: bytes }
      : { address: row, bytes, changed: 0, missing: null };
  });
  return { of, space, address, rows };
}
