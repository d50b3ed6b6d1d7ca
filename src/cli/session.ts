import { type BootImage, ImageError } from '../machine/boot/load.ts';
import { parseArguments } from './arguments.ts';
import type { Bench } from './bench.ts';
import type { BridgeCommand, GdbCommand, GuestOptions, RunCommand, Target } from './command.ts';
import { USAGE_STATUS } from './exit-status.ts';
import { helpText } from './help.ts';
import { describeOutcome, makeReport, type Report, type RunResult } from './outcome.ts';
import { runBench } from './run.ts';

/** The process around the program. */
export interface Process {
  /** Throws an `Error` that says why when the file cannot be read. */
  readFile(path: string): Uint8Array;
  /** Throws an `Error` that says why when the file cannot be written. */
  writeFile(path: string, text: string): void;
  writeOutput(bytes: Uint8Array | string): void;
  writeError(text: string): void;
  /** Real time in seconds, from any origin. */
  seconds(): number;
}

/** Puts a computer together for a command. Throws `ImageError` when the image cannot be booted. */
export type OpenBench = (command: RunCommand, image: BootImage) => Bench;

/**
 * Lets gdb debug a guest; answers the exit status when that is over. Throws `ImageError` when the image cannot be
 * booted.
 */
export type ServeGdb = (command: GdbCommand, image: BootImage, console: GdbConsole) => Promise<number>;

/** Where the guest's output and messages about gdb go. */
export interface GdbConsole {
  write(bytes: Uint8Array): void;
  log(line: string): void;
}

/** The kinds of bench there are. */
export type Benches = Readonly<Partial<Record<Target['kind'], OpenBench>>>;

/** Connects gdb with a lab in a browser, until the user ends it; answers the exit status. */
export type ServeBridge = (command: BridgeCommand, log: (line: string) => void) => Promise<number>;

/** What speaks with gdb. */
export interface WithGdb {
  readonly gdb: ServeGdb;
  readonly bridge: ServeBridge;
}

/** Does what the arguments say and returns the exit status: of `ringlab gdb` and `ringlab bridge` when gdb and the guest are through. */
export function ringlab(
  argv: readonly string[],
  process: Process,
  benches: Benches & WithGdb,
): number | Promise<number>;
export function ringlab(argv: readonly string[], process: Process, benches: Benches): number;
export function ringlab(
  argv: readonly string[],
  process: Process,
  benches: Benches & Partial<WithGdb>,
): number | Promise<number> {
  const log = (line: string) => process.writeError(`ringlab: ${line}\n`);
  const command = parseArguments(argv);
  switch (command.kind) {
    case 'help':
      process.writeOutput(helpText());
      return 0;
    case 'usage-error':
      log(command.message);
      return USAGE_STATUS;
    case 'run':
      return run(command, process, benches, log);
    case 'gdb':
      return debug(command, process, benches.gdb, log);
    case 'bridge':
      return benches.bridge?.(command, log) ?? withoutGdb(log);
  }
}

type Log = (line: string) => void;

/** Does `act`; a file or an image that is no good is logged and ends the program. */
function checked<T>(command: GuestOptions, log: Log, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof ImageError || error instanceof FileError)) throw error;
    log(error instanceof ImageError ? `${command.kernel}: ${error.message}` : error.message);
    return undefined;
  }
}

function withoutGdb(log: Log): number {
  log('this build does not speak with gdb.');
  return USAGE_STATUS;
}

function debug(
  command: GdbCommand,
  process: Process,
  gdb: ServeGdb | undefined,
  log: Log,
): number | Promise<number> {
  if (gdb === undefined) return withoutGdb(log);
  const console = { write: (bytes: Uint8Array) => process.writeOutput(bytes), log };
  return checked(command, log, () => gdb(command, readImage(command, process), console)) ?? USAGE_STATUS;
}

function run(command: RunCommand, process: Process, benches: Benches, log: Log): number {
  const openBench = benches[command.target.kind];
  if (openBench === undefined) {
    log(`this build has no hypervisor: \`ringlab boot\` runs the guest on the bare machine.`);
    return USAGE_STATUS;
  }
  const bench = checked(command, log, () => {
    const opened = openBench(command, readImage(command, process));
    // Before the run: a path that cannot be written is not to cost the run's result.
    if (command.json !== undefined) access(command.json, 'written', (path) => process.writeFile(path, ''));
    return opened;
  });
  if (bench === undefined) return USAGE_STATUS;
  log(`${command.kernel}: ${bench.protocol}`);
  const result = runBench(bench, command, {
    write: (bytes) => process.writeOutput(bytes),
    seconds: () => process.seconds(),
  });
  const report = makeReport(command, bench.protocol, result);
  for (const line of summary(report)) log(line);
  if (command.json !== undefined)
    process.writeFile(command.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return report.exitStatus;
}

class FileError extends Error {}

/** Does something with a file. Throws `FileError` with what could not be done, and why. */
function access<T>(path: string, done: 'read' | 'written', act: (path: string) => T): T {
  try {
    return act(path);
  } catch (error) {
    throw new FileError(`${path} cannot be ${done}: ${error instanceof Error ? error.message : error}`);
  }
}

function readImage(command: GuestOptions, process: Process): BootImage {
  const read = (path: string) => access(path, 'read', () => process.readFile(path));
  return {
    kernel: read(command.kernel),
    commandLine: command.append,
    format: command.format,
    modules: command.modules.map(({ path, commandLine }) => ({ bytes: read(path), commandLine })),
    ...(command.initrd === undefined ? {} : { initrd: read(command.initrd) }),
    ...(command.flat === undefined ? {} : { flat: command.flat }),
  };
}

const millions = (count: number) => `${(count / 1e6).toFixed(1)} M`;

/** The lines that end the log: why, how much, and after a crash what is known of it. */
function summary(report: Report & RunResult): string[] {
  const { outcome, instructions, cycles, seconds, simulatedSeconds, untilMet, untilTotal } = report;
  const lines = [describeOutcome(outcome)];
  if (untilMet < untilTotal) lines.push(`${untilMet} of ${untilTotal} texts waited for were seen`);
  const simulated = `${millions(cycles)} cycles (${simulatedSeconds.toFixed(3)} s of the guest's time)`;
  lines.push(`${millions(instructions)} instructions, ${simulated}, in ${seconds.toFixed(1)} s`);
  return outcome.kind === 'crash' ? [...lines, ...outcome.details] : lines;
}
