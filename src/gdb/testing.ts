/** gdb's side of a conversation, and a debuggee without a computer, for tests. */
import type { WalkReport } from '../hypervisor/walk/entry.ts';
import type { Debuggee, Halt, Position, Watchpoint } from './debuggee.ts';
import { byteHex, fromText, toText } from './hex.ts';
import type { RegisterName } from './register-names.ts';
import { Session } from './session.ts';

/** What the debuggee's side has sent: payloads of packets with runs and escapes undone, and `+`, `-`. Checks every checksum. */
export function decodeReplies(bytes: Uint8Array): string[] {
  const text = toText(bytes);
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] !== '$') {
      found.push(text[at++]);
      continue;
    }
    const end = text.indexOf('#', at);
    const body = text.slice(at + 1, end);
    const sum = fromText(body).reduce((total, byte) => (total + byte) & 0xff, 0);
    const digits = text.slice(end + 1, end + 3);
    if (digits !== byteHex(sum)) throw new Error(`checksum ${digits} of "${body}" is not ${byteHex(sum)}`);
    found.push(withoutEscapes(withoutRuns(body)));
    at = end + 3;
  }
  return found;
}

const withoutRuns = (body: string): string =>
  body.replace(
    /([\s\S])\*([\s\S])/g,
    (_, byte: string, length: string) => byte + byte.repeat(length.charCodeAt(0) - 29),
  );

const withoutEscapes = (body: string): string =>
  body.replace(/\}([\s\S])/g, (_, byte: string) => String.fromCharCode(byte.charCodeAt(0) ^ 0x20));

/** A packet as gdb sends it: without runs. */
export function gdbPacket(payload: string): Uint8Array {
  const body = payload.replace(/[#$}*]/g, (byte) => `}${String.fromCharCode(byte.charCodeAt(0) ^ 0x20)}`);
  const sum = fromText(body).reduce((total, byte) => (total + byte) & 0xff, 0);
  return fromText(`$${body}#${byteHex(sum)}`);
}

/** A session with a gdb that asks and reads. */
export class Conversation {
  readonly session: Session;
  #sent = '';

  constructor(debuggee: Debuggee) {
    this.session = new Session(debuggee, (bytes) => {
      this.#sent += toText(bytes);
    });
    this.session.receive(gdbPacket('QStartNoAckMode'));
    this.take();
  }

  /** What came since the last look. */
  take(): string[] {
    const replies = decodeReplies(fromText(this.#sent));
    this.#sent = '';
    return replies;
  }

  ask(payload: string): string[] {
    this.session.receive(gdbPacket(payload));
    return this.take();
  }

  /** Lets the debuggee run until it stops. */
  go(payload: string): string[] {
    const first = this.ask(payload);
    while (this.session.running) this.session.slice();
    return [...first, ...this.take()];
  }
}

/** Counts from 0 to 100; RIP is the number. It can go backwards. */
export class CountingDebuggee implements Debuggee {
  readonly processors: number = 2;
  readonly current: number = 0;
  readonly registers = new Map<RegisterName, bigint>();
  readonly memory = new Uint8Array(0x100);
  readonly typed: string[] = [];
  readonly watched: string[] = [];
  at = 0;
  #breakpoints: ReadonlySet<bigint> = new Set();
  /** `cpu`: the one that takes a single step. */
  #goal: { readonly by: 1 | -1; readonly cpu?: number } | undefined;
  /** Whether the last step was to be alone. */
  alone = false;

  describe(cpu: number): string {
    return `CPU ${cpu}`;
  }

  readRegister(_cpu: number, name: RegisterName): bigint {
    return name === 'rip' ? BigInt(this.at) : (this.registers.get(name) ?? 0n);
  }

  writeRegister(_cpu: number, name: RegisterName, value: bigint): string | undefined {
    if (name.startsWith('cr')) return 'it does not count';
    if (name === 'rip') this.at = Number(value);
    else this.registers.set(name, value);
    return undefined;
  }

  readMemory(_cpu: number, address: bigint, length: number): Uint8Array {
    return this.memory.slice(Number(address), Number(address) + length);
  }

  writeMemory(_cpu: number, address: bigint, bytes: Uint8Array): boolean {
    if (Number(address) + bytes.length > this.memory.length) return false;
    this.memory.set(bytes, Number(address));
    return true;
  }

  setBreakpoints(addresses: ReadonlySet<bigint>): void {
    this.#breakpoints = addresses;
  }

  watch(_cpu: number, { address, length }: Watchpoint): boolean {
    if (Number(address) + length > this.memory.length) return false;
    this.watched.push(`${address} ${length}`);
    return true;
  }

  unwatch({ address, length }: Watchpoint): void {
    this.watched.splice(this.watched.indexOf(`${address} ${length}`), 1);
  }

  step(cpu: number, alone: boolean): void {
    this.alone = alone;
    this.#goal = { by: 1, cpu };
  }

  run(): void {
    this.#goal = { by: 1 };
  }

  stepBack(cpu: number): void {
    this.#goal = { by: -1, cpu };
  }

  runBack(): void {
    this.#goal = { by: -1 };
  }

  slice(): Halt | undefined {
    if (this.#goal === undefined) throw new Error('nothing is wanted');
    const { by, cpu } = this.#goal;
    if (this.at + by < 0) return { kind: 'beginning', cpu: cpu ?? 0 };
    if (this.at + by > 100) return { kind: 'ended', cpu: cpu ?? 0, why: 'counted to 100', status: 3 };
    this.at += by;
    if (cpu !== undefined) return { kind: 'stepped', cpu };
    return this.#breakpoints.has(BigInt(this.at)) ? { kind: 'breakpoint', cpu: 1 } : undefined;
  }

  interrupt(): readonly string[] {
    return this.#goal?.by === -1 ? ['given up'] : [];
  }

  position(): Position {
    return { cycle: this.at * 2, instructions: this.at };
  }

  walk(_cpu: number, address: bigint): WalkReport {
    return {
      linear: Number(address),
      paging: 'off',
      cr3: 0,
      nestedRoot: undefined,
      levels: [],
      page: undefined,
      end: { kind: 'fault', fault: '#PF', why: 'there is no memory' },
      references: 0,
    };
  }

  type(bytes: Uint8Array): void {
    this.typed.push(toText(bytes));
  }
}
