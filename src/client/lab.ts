import type { Command, ResultOf } from '../protocol/commands.ts';
import { CommandRefused, Connection, type Port } from './connection.ts';
import { Consoles } from './consoles.ts';
import { applySnapshot, useLab } from './lab-store.ts';
import { report } from './notices.ts';

export const consoles = new Consoles();

let connection: Connection | undefined;

/** Starts the lab on a Worker. Called once, before the page is drawn. */
export function connect(port: Port): void {
  connection = new Connection(port, {
    ready: () => useLab.setState({ phase: 'ready' }),
    snapshot: (snapshot) => {
      for (const { vm, bytes, restart } of snapshot.console) {
        if (restart) consoles.restart(vm);
        consoles.write(vm, bytes);
      }
      applySnapshot(snapshot);
    },
    trouble: report,
    failed: (failure) => useLab.setState({ phase: 'failed', failure }),
  });
}

export function lab(): Connection {
  if (connection === undefined) throw new Error('connect() comes first');
  return connection;
}

/** Sends a command; a refusal is shown to the user and answers undefined. */
export async function command<C extends Command>(what: C): Promise<ResultOf<C['kind']> | undefined> {
  try {
    return await lab().send(what);
  } catch (error) {
    if (!(error instanceof CommandRefused)) throw error;
    report(error.error);
    return undefined;
  }
}
