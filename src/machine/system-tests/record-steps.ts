/** Records of the micro-operations of single steps, for tests. */
import type { MicroOperation } from '../../cpu/micro-operations.ts';
import type { Computer } from '../computer.ts';
import { stateParts } from '../state-hash.ts';

/** One instruction, event or turn of the host, recorded; undefined when the computer has stopped. */
export function recordStep(computer: Computer): MicroOperation[] | undefined {
  const operations: MicroOperation[] = [];
  const { processor } = computer;
  processor.recorder = (operation) => void operations.push(operation);
  const { kind } = computer.step();
  processor.recorder = undefined;
  return kind === 'time' ? operations : undefined;
}

/** Hashes of all state, and the translations that are cached. */
export const stateAndTranslations = (computer: Computer) => ({
  parts: stateParts(computer),
  translations: computer.processors.map(({ memory }) => memory.tlb.save()),
});

/** XCHG of BX, EBX with itself: the step that follows is of interest. */
export const MARK = 'db 0x87, 0xdb';
const MARK_BYTES = '87 db';
const STEPS = 100_000;

/** The steps that follow the marks of a guest, until it ends, or only the first one. */
export function recordMarked(computer: Computer, first = false): MicroOperation[][] {
  const found: MicroOperation[][] = [];
  let marked = false;
  for (let i = 0; i < STEPS; i++) {
    const operations = recordStep(computer);
    if (operations === undefined) return found;
    if (marked) found.push(operations);
    if (first && found.length > 0) return found;
    const fetched = operations.find((one) => one.kind === 'transfer' && one.access === 'fetch');
    marked = fetched?.kind === 'transfer' && bytesOf(fetched.value) === MARK_BYTES;
  }
  throw new Error(`the guest has not come to its end after ${STEPS} steps`);
}

const hex = (value: number | bigint): string => value.toString(16);
const bytesOf = (value: Uint8Array | undefined): string =>
  value === undefined ? '?' : [...value].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
const raw = (lo: number, hi: number): string => hex((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0));

/** A micro-operation in a few words. */
export function brief(one: MicroOperation): string {
  switch (one.kind) {
    case 'look-up':
      return `${one.access} ${hex(one.linear)} ${one.found}`;
    case 'reference':
      return `${one.dimension} ${one.level} ${hex(one.address)}: ${raw(one.lo, one.hi)}`;
    case 'transfer': {
      const pieces = one.pieces.map(({ hostPhysical, bytes }) => `${hex(hostPhysical)}/${bytes}`);
      return `${one.access} at ${pieces.join(' + ')}: ${bytesOf(one.value)}`;
    }
    case 'nested-hit':
      return `nested hit ${hex(one.guestPhysical)}`;
    case 'mark':
      return `mark ${one.level}${one.accessed ? ' A' : ''}${one.dirty ? ' D' : ''}`;
    case 'page-fault':
      return `#PF ${one.errorCode} ${hex(one.linear)}`;
    case 'nested-fault':
      return `nested fault ${hex(one.guestPhysical)}`;
    case 'delivery':
      return `delivery ${one.vector}`;
    case 'exit':
      return `exit ${one.cause}`;
    case 'port':
      return `${one.access} ${hex(one.port)}: ${hex(one.value)}`;
    case 'host-operation':
      return `${one.name} ${one.operand}`;
    default:
      return one.kind;
  }
}
