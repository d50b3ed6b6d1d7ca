/** A TCP server for gdb on this computer alone: one gdb at a time, which finds the guest stopped. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Debuggee } from '../gdb/debuggee.ts';
import type { DescriptionName } from '../gdb/descriptions.ts';
import { Session } from '../gdb/session.ts';

const LOOPBACK = '127.0.0.1';

/** Why there is nothing left to serve. */
export type GdbEnd =
  /** gdb wants it so. */
  | 'killed'
  /** The guest has ended, or cannot go on, and no gdb looks at it. */
  | 'ended';

export class GdbServer {
  readonly #debuggee: Debuggee;
  readonly #description: DescriptionName;
  readonly #log: (line: string) => void;
  readonly #server: Server;
  #finish: (why: GdbEnd) => void = () => {};
  readonly over = new Promise<GdbEnd>((resolve) => {
    this.#finish = resolve;
  });
  #client: { readonly socket: Socket; readonly session: Session } | undefined;
  /** gdb has let the guest go on alone. */
  #free = false;
  #scheduled = false;

  /** @param description the registers that a gdb is shown at first */
  constructor(debuggee: Debuggee, description: DescriptionName, log: (line: string) => void) {
    this.#debuggee = debuggee;
    this.#description = description;
    this.#log = log;
    this.#server = createServer({ noDelay: true }, (socket) => this.#connected(socket));
  }

  /** @param port 0: any that is free. @returns the port. @throws the system's error when there is no such port to have */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, LOOPBACK, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Hangs up; `over` then tells why. */
  close(why: GdbEnd): void {
    this.#client?.socket.destroy();
    this.#client = undefined;
    this.#free = false;
    this.#server.close();
    this.#finish(why);
  }

  #connected(socket: Socket): void {
    // Whatever happens to the connection, it is closed then.
    socket.on('error', () => {});
    if (this.#client !== undefined) {
      this.#log('another gdb was turned away: one at a time');
      socket.destroy();
      return;
    }
    this.#free = false;
    const send = (bytes: Uint8Array) => void socket.write(bytes);
    const session = new Session(this.#debuggee, send, { description: this.#description });
    this.#client = { socket, session };
    this.#log('gdb is here; the guest is stopped');
    socket.once('data', (data) => {
      if (isGdb(data)) return;
      this.#log('what has connected does not speak as gdb does, and was turned away');
      socket.destroy();
    });
    socket.on('data', (data) => {
      if (socket.destroyed) return;
      session.receive(data);
      this.#received(socket, session);
    });
    socket.on('close', () => this.#closed(session));
  }

  #received(socket: Socket, session: Session): void {
    switch (session.leave) {
      case 'killed':
        socket.end(() => this.close('killed'));
        break;
      case 'detached':
        this.#client = undefined;
        session.close();
        socket.end();
        this.#log('gdb has detached; the guest goes on');
        this.#debuggee.run();
        this.#free = true;
        this.#schedule();
        break;
      case undefined:
        this.#schedule();
    }
  }

  #closed(session: Session): void {
    if (this.#client?.session !== session) return;
    this.#client = undefined;
    session.close();
    if (session.over) this.close('ended');
    else this.#log('the connection to gdb was lost; the guest stays where it is, and gdb may come again');
  }

  /** Between two slices what gdb has sent is seen. */
  #schedule(): void {
    const wanted = this.#client?.session.running ?? this.#free;
    if (!wanted || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#slice();
      this.#schedule();
    });
  }

  #slice(): void {
    const session = this.#client?.session;
    if (session?.running) session.slice();
    else if (this.#free && this.#debuggee.slice() !== undefined) this.close('ended');
  }
}

/** gdb begins with an acknowledgement or a packet; what begins otherwise, such as a browser's request, is to do nothing. */
export const isGdb = (data: Buffer): boolean => /^[+$]/.test(data.toString('latin1'));
