import type { Command, CommandError, ResultOf } from '../protocol/commands.ts';
import type { Snapshot, ToPage, ToWorker, Watch } from '../protocol/messages.ts';

/** What a connection needs of a Worker; tests bring their own. */
export interface Port {
  postMessage(message: ToWorker): void;
  onmessage: ((event: MessageEvent<ToPage>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

export interface Listener {
  ready(): void;
  snapshot(snapshot: Snapshot): void;
  /** Something went wrong that stops nothing. */
  trouble(error: CommandError): void;
  failed(error: CommandError): void;
}

/** A command that the session refused. */
export class CommandRefused extends Error {
  readonly error: CommandError;

  constructor(error: CommandError) {
    super(error.what);
    this.error = error;
  }
}

interface Waiting {
  resolve(result: unknown): void;
  reject(reason: CommandRefused): void;
}

/** The page's end of the line to the Worker: commands with answers, and snapshots drawn one at a time. */
export class Connection {
  readonly #port: Port;
  readonly #listener: Listener;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  /** Messages kept until the Worker is ready: what arrives while its modules load would be lost. */
  #early: ToWorker[] | null = [];

  constructor(port: Port, listener: Listener) {
    this.#port = port;
    this.#listener = listener;
    port.onmessage = (event) => this.#receive(event.data);
    port.onerror = (event) => {
      const where = event.filename ? `${event.filename}:${event.lineno}` : null;
      const what = event.message || 'The Worker that runs the lab could not be loaded.';
      listener.failed({ what, where, remedy: 'Reload the page.' });
    };
  }

  send<C extends Command>(command: C): Promise<ResultOf<C['kind']>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#post({ type: 'command', id, command });
    });
  }

  watch(watch: Watch): void {
    this.#post({ type: 'watch', watch });
  }

  #receive(message: ToPage): void {
    switch (message.type) {
      case 'ready':
        for (const waiting of this.#early ?? []) this.#port.postMessage(waiting);
        this.#early = null;
        this.#listener.ready();
        break;
      case 'snapshot': {
        const { snapshot } = message;
        this.#listener.snapshot(snapshot);
        // After this frame is on screen, the worker may send the next.
        requestAnimationFrame(() => this.#post({ type: 'drawn', sequence: snapshot.sequence }));
        break;
      }
      case 'done':
        this.#take(message.id)?.resolve(message.result);
        break;
      case 'refused':
        this.#take(message.id)?.reject(new CommandRefused(message.error));
        break;
      case 'trouble':
        this.#listener.trouble(message.error);
        break;
      case 'failed':
        this.#listener.failed(message.error);
        break;
    }
  }

  #post(message: ToWorker): void {
    if (this.#early === null) this.#port.postMessage(message);
    else this.#early.push(message);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}
