import type { BootImage } from '../machine/boot/load.ts';
import type { Computer } from '../machine/computer.ts';
import { History } from '../machine/time/history.ts';
import { ComputerDebuggee, type FinalStop } from '../worker/debuggee/computer-debuggee.ts';
import type { GdbCommand } from './command.ts';
import { benchStop, openComputer } from './computer.ts';
import { exitStatus, USAGE_STATUS } from './exit-status.ts';
import { GdbServer } from './gdb-server.ts';
import { describeOutcome, type Outcome } from './outcome.ts';
import { PrintedOutput } from './printed-output.ts';
import type { GdbConsole } from './session.ts';

/** `ringlab gdb`. Throws `ImageError` when the image cannot be booted. */
export function serveGdb(command: GdbCommand, image: BootImage, { write, log }: GdbConsole): Promise<number> {
  const output = new PrintedOutput(collected(write));
  const { computer, protocol } = openComputer(command, image, output.write);
  computer.attach('console output', output);
  log(`${command.kernel}: ${protocol}`);
  const history = new History(computer, { stopwatch: () => performance.now() });
  const debuggee = new ComputerDebuggee(computer, history, (stop) => {
    const outcome = outcomeOf(computer, stop);
    const details = outcome.kind === 'crash' ? outcome.details : [];
    return { lines: [describeOutcome(outcome), ...details], status: exitStatus(outcome) };
  });
  return serve(command, debuggee, computer, log);
}

async function serve(
  command: GdbCommand,
  debuggee: ComputerDebuggee,
  computer: Computer,
  log: GdbConsole['log'],
): Promise<number> {
  const server = new GdbServer(debuggee, command.describe, log);
  try {
    const port = await server.listen(command.port);
    log(`waiting for gdb; in gdb: target remote 127.0.0.1:${port}`);
  } catch (error) {
    log(
      `port ${command.port} cannot be had: ${error instanceof Error ? error.message : error}; choose another with --port`,
    );
    return USAGE_STATUS;
  }
  await server.over;
  if (debuggee.end === undefined) {
    log('gdb has ended the run');
    return 0;
  }
  const outcome = outcomeOf(computer, debuggee.end);
  log(describeOutcome(outcome));
  return exitStatus(outcome);
}

function outcomeOf(computer: Computer, stop: FinalStop): Outcome {
  const outcome = benchStop(computer, stop);
  if (outcome.kind === 'budget') throw new Error(`"${stop.kind}" does not end a guest`);
  return outcome;
}

/** Bytes that come in one go are written in one go. */
function collected(write: (bytes: Uint8Array) => void): (byte: number) => void {
  let bytes: number[] = [];
  return (byte) => {
    if (bytes.length === 0) {
      queueMicrotask(() => {
        const all = Uint8Array.from(bytes);
        bytes = [];
        write(all);
      });
    }
    bytes.push(byte);
  };
}
