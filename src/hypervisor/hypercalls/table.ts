/** The hypercalls. What each means for the guest is in src/arch/hypercalls.ts; here is what it does. */
import {
  HYPERCALL_ERROR as E,
  HYPERCALL,
  HYPERCALL_LIMITS,
  HYPERCALL_VERSION,
  MULTICALL_ENTRY,
} from '../../arch/hypercalls.ts';
import { COST } from '../costs.ts';
import type { ExitContext } from '../exits/context.ts';
import { FRAME_SIZE } from '../frames.ts';

/** Arguments as numbers (u64; beyond 2^53 they are no valid address or count anyway). */
export type Arguments = readonly [number, number, number, number, number];

export interface Hypercall {
  readonly number: number;
  readonly name: string;
  /** Names of the arguments, for people. */
  readonly arguments: readonly string[];
  readonly effect: string;
  /** Result, or a negative error. */
  run(x: ExitContext, a: Arguments): number;
}

/** Whether `length` bytes from `address` are RAM of the guest. */
const inRam = (x: ExitContext, address: number, length: number): boolean =>
  address + length <= x.vm.memory.size;

function consoleWrite(x: ExitContext, [address, length]: Arguments): number {
  if (length > HYPERCALL_LIMITS.CONSOLE_BYTES) return E.BAD_LENGTH;
  if (!inRam(x, address, length)) return E.BAD_ADDRESS;
  for (const byte of x.vm.memory.read(address, length)) x.vm.console.write(byte);
  x.cpu.charge(length * COST.BYTE);
  return length;
}

function consoleRead(x: ExitContext, [address, length]: Arguments): number {
  if (length > HYPERCALL_LIMITS.CONSOLE_BYTES) return E.BAD_LENGTH;
  if (!inRam(x, address, length)) return E.BAD_ADDRESS;
  const bytes = x.vm.console.take(length);
  x.vm.memory.write(address, bytes);
  x.cpu.charge(bytes.length * COST.BYTE);
  return bytes.length;
}

function yieldCpu(x: ExitContext): number {
  x.hypervisor.yield(x.vcpu, 'yielded');
  return 0;
}

const LOWEST_VECTOR = 32;

function setTimer(x: ExitContext, [instant, vector]: Arguments): number {
  if (instant !== 0 && (vector < LOWEST_VECTOR || vector > 255)) return E.BAD_ARGUMENT;
  x.hypervisor.setGuestTimer(x.vcpu, instant, vector);
  return 0;
}

const readClock = (x: ExitContext): number => x.hypervisor.guestNanoseconds(x.vm);

/** Both directions stop at the first page that is not possible. */
function balloon(x: ExitContext, [address, count, takeAgain]: Arguments): number {
  if (count > HYPERCALL_LIMITS.BALLOON_PAGES) return E.BAD_LENGTH;
  if (address % 8 !== 0 || !inRam(x, address, count * 8)) return E.BAD_ADDRESS;
  if (takeAgain > 1) return E.BAD_ARGUMENT;
  const list = new DataView(x.vm.memory.read(address, count * 8).buffer);
  const { memory } = x.vm;
  let done = 0;
  for (; done < count; done++) {
    const page = Number(list.getBigUint64(done * 8, true)) * FRAME_SIZE;
    if (!(takeAgain ? memory.takeAgain(page) : memory.giveBack(page))) break;
  }
  if (!takeAgain && done > 0) x.hypervisor.invalidateEpt(x.vm);
  x.cpu.charge(done * COST.BACK_PAGE);
  return done === 0 && count > 0 ? E.BAD_ARGUMENT : done;
}

function multicall(x: ExitContext, [address, count]: Arguments): number {
  if (count > HYPERCALL_LIMITS.MULTICALL_ENTRIES) return E.BAD_LENGTH;
  if (address % 8 !== 0 || !inRam(x, address, count * MULTICALL_ENTRY.SIZE)) return E.BAD_ADDRESS;
  const { memory } = x.vm;
  for (let i = 0; i < count; i++) {
    const at = address + i * MULTICALL_ENTRY.SIZE;
    const entry = new DataView(memory.read(at, MULTICALL_ENTRY.SIZE).buffer);
    const word = (offset: number): number => Number(entry.getBigUint64(offset, true));
    const number = word(MULTICALL_ENTRY.NUMBER);
    const argument = (n: number): number => word(MULTICALL_ENTRY.ARGUMENTS + 8 * n);
    const a: Arguments = [argument(0), argument(1), argument(2), argument(3), argument(4)];
    // Lists do not nest.
    const result = number === HYPERCALL.MULTICALL ? E.BAD_ARGUMENT : runHypercall(x, number, a);
    entry.setBigInt64(MULTICALL_ENTRY.RESULT, BigInt(result), true);
    memory.write(at + MULTICALL_ENTRY.RESULT, new Uint8Array(entry.buffer, MULTICALL_ENTRY.RESULT, 8));
  }
  return count;
}

export const HYPERCALLS: readonly Hypercall[] = [
  {
    number: HYPERCALL.VERSION,
    name: 'version',
    arguments: [],
    effect: 'Nothing; answers with the version of the interface.',
    run: () => HYPERCALL_VERSION,
  },
  {
    number: HYPERCALL.CONSOLE_WRITE,
    name: 'console_write',
    arguments: ['address', 'bytes'],
    effect: 'Writes bytes from guest memory to the console.',
    run: consoleWrite,
  },
  {
    number: HYPERCALL.YIELD,
    name: 'yield',
    arguments: [],
    effect: 'Lets other virtual CPUs run first.',
    run: yieldCpu,
  },
  {
    number: HYPERCALL.SET_TIMER,
    name: 'set_timer',
    arguments: ['instant (ns)', 'vector'],
    effect: 'Delivers a vector once at an instant; instant 0 cancels.',
    run: setTimer,
  },
  {
    number: HYPERCALL.READ_CLOCK,
    name: 'read_clock',
    arguments: [],
    effect: 'Answers with the nanoseconds since the VM was started.',
    run: readClock,
  },
  {
    number: HYPERCALL.BALLOON,
    name: 'balloon',
    arguments: ['address of page numbers', 'pages', '0 give back, 1 take again'],
    effect: 'Gives pages of memory back to the host, or takes them again.',
    run: balloon,
  },
  {
    number: HYPERCALL.MULTICALL,
    name: 'multicall',
    arguments: ['address of entries', 'entries'],
    effect: 'Executes a list of hypercalls with one exit.',
    run: multicall,
  },
  {
    number: HYPERCALL.CONSOLE_READ,
    name: 'console_read',
    arguments: ['address', 'bytes'],
    effect: 'Reads typed bytes from the console into guest memory.',
    run: consoleRead,
  },
];

/** Runs one hypercall and counts it. */
export function runHypercall(x: ExitContext, number: number, a: Arguments): number {
  const call = HYPERCALLS[number];
  const result = call === undefined ? E.UNKNOWN_NUMBER : call.run(x, a);
  x.vm.counters.hypercall(call?.number ?? -1, result < 0);
  return result;
}
