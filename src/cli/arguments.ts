import { MAX_GUEST_BYTES } from '../worker/host-computer.ts';
import type {
  BridgeCommand,
  Command,
  GdbCommand,
  GuestOptions,
  RunCommand,
  Target,
  UsageError,
} from './command.ts';
import {
  COMMAND_NAMES,
  type CommandName,
  DEFAULT_GDB_PORT,
  DEFAULT_ORIGINS,
  OPTIONS,
  type Settings,
  takersOf,
} from './options.ts';

const DEFAULT_MEMORY = 256 * 2 ** 20;
const HELP = ['help', '--help', '-h'];
const SEE_HELP = '`ringlab --help` lists the commands and options.';

const usage = (message: string): UsageError => ({ kind: 'usage-error', message: `${message} ${SEE_HELP}` });

/** Reads the arguments after the program's name. */
export function parseArguments(argv: readonly string[]): Command | UsageError {
  if (argv.some((argument) => HELP.includes(argument) && argument !== 'help') || argv[0] === 'help') {
    return { kind: 'help' };
  }
  const [word, ...rest] = argv;
  if (word === undefined) return usage('Nothing to do: no command was given.');
  const command = COMMAND_NAMES.find((name) => name === word);
  if (command === undefined) return usage(`"${word}" is not a command.`);
  const parsed = parseOptions(command, rest);
  if ('kind' in parsed) return parsed;
  const { settings, files } = parsed;
  return command === 'bridge' ? bridge(settings, files) : assemble(command, settings, files);
}

/** Options may stand before and after the file; `--` ends them; `--name=value` is `--name value`. */
function parseOptions(
  command: CommandName,
  argv: readonly string[],
): { settings: Settings; files: string[] } | UsageError {
  const settings: Settings = { modules: [], script: [], origins: [] };
  const files: string[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i];
    if (argument === '--') {
      files.push(...argv.slice(i + 1));
      break;
    }
    if (!argument.startsWith('-')) {
      files.push(argument);
      continue;
    }
    const equals = argument.indexOf('=');
    const name = equals < 0 ? argument : argument.slice(0, equals);
    const option = OPTIONS.find((candidate) => candidate.name === name);
    if (option === undefined) return usage(`There is no option ${name}.`);
    if (!takersOf(option).includes(command)) {
      const takers = takersOf(option)
        .map((taker) => `\`ringlab ${taker}\``)
        .join(' and ');
      return usage(`${name} is for ${takers}.`);
    }
    if (seen.has(name) && option.repeatable === undefined) return usage(`${name} was given twice.`);
    seen.add(name);
    const inline = equals < 0 ? undefined : argument.slice(equals + 1);
    if (option.value === undefined && inline !== undefined) return usage(`${name} takes no value.`);
    const text = option.value === undefined ? '' : (inline ?? argv[++i]);
    if (text === undefined) return usage(`${name} takes ${option.takes}; none was given.`);
    if (!option.apply(settings, text)) return usage(`${name} takes ${option.takes}; not "${text}".`);
  }
  return { settings, files };
}

function bridge({ port, origins }: Settings, files: readonly string[]): BridgeCommand | UsageError {
  if (files.length > 0) return usage(`\`ringlab bridge\` boots nothing; "${files[0]}" is too many.`);
  return {
    kind: 'bridge',
    port: port ?? DEFAULT_GDB_PORT,
    origins: origins.length > 0 ? origins : DEFAULT_ORIGINS,
  };
}

/** Fills in defaults and checks what depends on more than one option. */
function assemble(
  command: Exclude<CommandName, 'bridge'>,
  settings: Settings,
  files: readonly string[],
): RunCommand | GdbCommand | UsageError {
  const [kernel, ...more] = files;
  if (kernel === undefined) return usage(`\`ringlab ${command}\` needs the file to boot.`);
  if (more.length > 0) return usage(`One file can be booted; "${more[0]}" is too many.`);
  const {
    address,
    mode,
    technique,
    script,
    limit,
    time,
    json,
    port,
    describe,
    format = 'auto',
    origins: _,
    ...machine
  } = settings;
  if (command === 'boot' && technique !== undefined) {
    return usage('--technique is for `ringlab vm`: the bare machine has no hypervisor.');
  }
  if (command === 'vm' && (settings.memoryBytes ?? 0) > MAX_GUEST_BYTES) {
    const most = `${MAX_GUEST_BYTES / 2 ** 20}M`;
    return usage(`--memory takes at most ${most} for \`ringlab vm\`: the hypervisor needs its part of 2G.`);
  }
  if ((address === undefined) !== (mode === undefined)) {
    return usage('--address and --mode belong together: a flat binary needs both.');
  }
  if (address !== undefined && format !== 'auto' && format !== 'flat') {
    return usage(`--address and --mode are for flat binaries, not for --format ${format}.`);
  }
  const guest: GuestOptions = {
    kernel,
    append: '',
    memoryBytes: DEFAULT_MEMORY,
    cpus: 1,
    acpi: true,
    ...machine,
    format,
    ...(address === undefined || mode === undefined ? {} : { flat: { address, mode } }),
  };
  if (command === 'gdb')
    return { kind: 'gdb', ...guest, port: port ?? DEFAULT_GDB_PORT, describe: describe ?? 'amd64' };
  const target: Target =
    command === 'boot' ? { kind: 'machine' } : { kind: 'vm', technique: technique ?? 'vtx-ept' };
  return {
    kind: 'run',
    target,
    ...guest,
    script,
    ...(limit === undefined ? {} : { limit }),
    ...(time === undefined ? {} : { time }),
    ...(json === undefined ? {} : { json }),
  };
}
