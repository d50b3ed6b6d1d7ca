/**
 * A conversation with one gdb: bytes in, bytes out. Whoever holds the connection gives what arrives to `receive`,
 * and calls `slice` again and again while `running`.
 */
import type { Debuggee, Halt } from './debuggee.ts';
import { MEMORY_COMMANDS } from './memory-commands.ts';
import { ACCEPTED, encodePacket, PacketReader, REJECTED, type Received } from './packets.ts';
import { QUERY_COMMANDS } from './query-commands.ts';
import { REGISTER_COMMANDS } from './register-commands.ts';
import { RUN_COMMANDS } from './run-commands.ts';
import {
  type Answer,
  BUSY,
  type Command,
  initialState,
  type Leave,
  type SessionOptions,
  type State,
  UNKNOWN,
} from './state.ts';
import { interrupted, message, stopReply, waiting } from './stop-replies.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ ...REGISTER_COMMANDS, ...MEMORY_COMMANDS, ...RUN_COMMANDS, ...QUERY_COMMANDS }),
);

export class Session {
  readonly #state: State;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #reader = new PacketReader();
  #last: Uint8Array | undefined;
  #halt: Halt | undefined;

  /**
   * gdb finds the debuggee stopped where it is.
   * @param send takes what is to go to gdb
   */
  constructor(debuggee: Debuggee, send: (bytes: Uint8Array) => void, options: SessionOptions = {}) {
    this.#send = send;
    this.#state = initialState(debuggee, options);
    this.#state.stop = waiting(debuggee.current);
  }

  /** gdb waits for the debuggee to stop. */
  get running(): boolean {
    return this.#state.running;
  }

  /** Undefined while gdb is there. */
  get leave(): Leave | undefined {
    return this.#state.leave;
  }

  /** The guest has ended itself, and gdb knows. */
  get over(): boolean {
    return this.#halt?.kind === 'ended';
  }

  receive(bytes: Uint8Array): void {
    for (const received of this.#reader.feed(bytes)) {
      if (this.#state.leave === undefined) this.#take(received);
    }
  }

  /** Lets the debuggee run for a while, and tells gdb when it has stopped. */
  slice(): void {
    const halt = this.#state.debuggee.slice();
    this.#halt = halt;
    if (halt !== undefined) this.#stop(stopReply(this.#state, halt), halt.cpu);
  }

  /** gdb's breakpoints and watchpoints go with it. */
  close(): void {
    const { debuggee, watchpoints } = this.#state;
    debuggee.setBreakpoints(new Set());
    for (const watchpoint of watchpoints.values()) debuggee.unwatch(watchpoint);
  }

  #take(received: Received): void {
    switch (received.kind) {
      case 'packet':
        if (this.#state.acknowledges) this.#send(ACCEPTED);
        this.#reply(this.#execute(received.payload));
        break;
      case 'garbled':
        this.#send(REJECTED);
        break;
      case 'rejected':
        if (this.#last !== undefined) this.#send(this.#last);
        break;
      case 'accepted':
        break;
      case 'interrupt':
        this.#interrupt();
        break;
    }
  }

  #execute(payload: string): Answer {
    const name = commandName(payload);
    const command = COMMANDS.get(name);
    if (command === undefined) return UNKNOWN;
    if (this.#state.running) return BUSY;
    return command(this.#state, payload.slice(name.length));
  }

  #interrupt(): void {
    if (!this.#state.running) return;
    const { debuggee, stepping } = this.#state;
    const cpu = stepping ?? debuggee.current;
    this.#stop([...debuggee.interrupt().map(message), interrupted(cpu)], cpu);
  }

  #stop(reply: Answer, cpu: number): void {
    this.#state.running = false;
    this.#state.cpu = cpu;
    this.#state.stop = reply.at(-1) ?? '';
    this.#reply(reply);
  }

  #reply(answer: Answer): void {
    for (const payload of answer) {
      this.#last = encodePacket(payload);
      this.#send(this.#last);
    }
  }
}

/** Names of several letters begin with b, q, Q or v, and end where something else than a letter comes. */
function commandName(payload: string): string {
  const [name = ''] = /^([qQv][A-Za-z]+\??|b[cs]|.)?/s.exec(payload) ?? [];
  return name;
}
