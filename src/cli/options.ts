import { MEMORY_MAP } from '../arch/pc.ts';
import type { Tier2Mode } from '../contracts/tiers.ts';
import { DESCRIPTION_NAMES, type DescriptionName } from '../gdb/descriptions.ts';
import { IMAGE_FORMATS } from '../machine/boot/load.ts';
import type { VirtualizationTechnique } from '../machine/computer.ts';
import type { ModuleFile, RunCommand, Step, Technique } from './command.ts';
import { TECHNIQUES } from './command.ts';
import { parseAddress, parseBytes, parseCount, parseSeconds, parseText } from './values.ts';

/** What the options said, before defaults and cross-checks. */
export interface Settings {
  initrd?: string;
  readonly modules: ModuleFile[];
  append?: string;
  format?: RunCommand['format'];
  address?: number;
  mode?: 'real' | 'protected' | 'long';
  memoryBytes?: number;
  cpus?: number;
  virtualization?: VirtualizationTechnique;
  acpi?: boolean;
  technique?: Technique;
  tier2?: Tier2Mode;
  readonly script: Step[];
  limit?: number;
  time?: number;
  json?: string;
  port?: number;
  describe?: DescriptionName;
  readonly origins: string[];
}

export const COMMAND_NAMES = ['boot', 'vm', 'gdb', 'bridge'] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

/** Those that boot a guest. */
const BOOTS: readonly CommandName[] = ['boot', 'vm', 'gdb'];
/** Those that run it to its end. */
const RUNS: readonly CommandName[] = ['boot', 'vm'];

/** One option. Its row is all that the parser and the help text know of it. */
export interface Option {
  readonly name: `--${string}`;
  /** Placeholder of its value in the help; absent for a switch. */
  readonly value?: string;
  readonly help: string;
  /** Takes the value over; false when it is not acceptable. */
  readonly apply: (settings: Settings, text: string) => boolean;
  /** Completes "takes ..." in the error message. */
  readonly takes?: string;
  /** May be given more than once. */
  readonly repeatable?: true;
  /** Absent: those that boot a guest. */
  readonly commands?: readonly CommandName[];
}

export const takersOf = ({ commands }: Option): readonly CommandName[] => commands ?? BOOTS;

export const DEFAULT_GDB_PORT = 1234;
/** Where `npm start` and Vite serve the lab. */
export const DEFAULT_ORIGINS: readonly string[] = [
  'http://127.0.0.1:8080',
  'http://localhost:8080',
  'http://localhost:5173',
  'http://127.0.0.1:5173',
];

const MODES = ['real', 'protected', 'long'] as const;
const FORMATS = ['auto', ...IMAGE_FORMATS] as const;
const TIER2_MODES: readonly Tier2Mode[] = ['off', 'on', 'forced'];
const VIRTUALIZATION: readonly VirtualizationTechnique[] = ['vt-x', 'amd-v'];
const MAX_CPUS = 8;
const MIN_MEMORY = MEMORY_MAP.extendedMemory;
const PAGE = 4096;

const oneOf = <T extends string>(values: readonly T[], text: string): T | undefined =>
  values.find((value) => value === text);

/** An `apply` that stores what `parse` makes of the text. */
function store<K extends keyof Settings>(
  key: K,
  parse: (text: string) => Settings[K] | undefined,
): Option['apply'] {
  return (settings, text) => {
    const value = parse(text);
    if (value === undefined) return false;
    settings[key] = value;
    return true;
  };
}

const path = (text: string) => (text === '' ? undefined : text);

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

function memorySize(text: string): number | undefined {
  const bytes = parseBytes(text);
  const fits = bytes !== undefined && bytes >= MIN_MEMORY && bytes <= MEMORY_MAP.maxRam && bytes % PAGE === 0;
  return fits ? bytes : undefined;
}

function cpuCount(text: string): number | undefined {
  const count = parseCount(text);
  return count !== undefined && count >= 1 && count <= MAX_CPUS ? count : undefined;
}

function portNumber(text: string): number | undefined {
  const port = /^\d+$/.test(text) ? Number(text) : undefined;
  return port !== undefined && port <= 0xffff ? port : undefined;
}

/** The address of a page without its path, as browsers send it. */
function origin(text: string): string | undefined {
  return URL.canParse(text) && /^https?:/.test(text) ? new URL(text).origin : undefined;
}

function step(kind: Step['kind']): Option['apply'] {
  return ({ script }, text) => {
    const bytes = parseText(text);
    if (bytes === undefined || bytes.length === 0) return false;
    script.push({ kind, bytes, text });
    return true;
  };
}

const TEXT = 'text that is not empty, with the escapes \\n \\r \\t \\e \\\\ \\xHH';

export const OPTIONS: readonly Option[] = [
  {
    name: '--initrd',
    value: 'FILE',
    help: 'initial RAM disk',
    takes: 'a path',
    apply: store('initrd', path),
  },
  {
    name: '--module',
    value: 'FILE',
    help: 'multiboot or PVH module; may be repeated',
    takes: 'a path',
    repeatable: true,
    apply: ({ modules }, text) => text !== '' && modules.push({ path: text, commandLine: '' }) > 0,
  },
  {
    name: '--module-append',
    value: 'TEXT',
    help: 'command line of the module named last',
    takes: 'text, after a --module',
    repeatable: true,
    apply: ({ modules }, text) => {
      const last = modules.pop();
      return last !== undefined && modules.push({ ...last, commandLine: text }) > 0;
    },
  },
  {
    name: '--append',
    value: 'TEXT',
    help: "the kernel's command line",
    takes: 'text',
    apply: store('append', (text) => text),
  },
  {
    name: '--format',
    value: 'FORMAT',
    help: `what the file is, when it is not to be found out: ${IMAGE_FORMATS.join(', ')}`,
    takes: `one of ${FORMATS.join(', ')}`,
    apply: store('format', (text) => oneOf(FORMATS, text)),
  },
  {
    name: '--address',
    value: 'ADDRESS',
    help: 'load a flat binary at this physical address',
    takes: 'an address such as 0x7c00',
    apply: store('address', parseAddress),
  },
  {
    name: '--mode',
    value: 'MODE',
    help: `processor mode that a flat binary starts in: ${MODES.join(', ')}`,
    takes: `one of ${MODES.join(', ')}`,
    apply: store('mode', (text) => oneOf(MODES, text)),
  },
  {
    name: '--memory',
    value: 'SIZE',
    help: 'RAM, for example 64M or 1G; 256M when absent',
    takes: 'a size from 1M to 2G in whole pages of 4 KiB',
    apply: store('memoryBytes', memorySize),
  },
  {
    name: '--cpus',
    value: 'N',
    help: `number of processors, 1 to ${MAX_CPUS}; 1 when absent`,
    takes: `a number from 1 to ${MAX_CPUS}`,
    apply: store('cpus', cpuCount),
  },
  {
    name: '--virtualization',
    value: 'NAME',
    help: `what the processors have, and so whose they are: ${VIRTUALIZATION.join(', ')}; vt-x when absent`,
    takes: `one of ${VIRTUALIZATION.join(', ')}`,
    // The lab's hypervisor, under which virtual machines run, needs VT-x.
    commands: ['boot', 'gdb'],
    apply: store('virtualization', (text) => oneOf(VIRTUALIZATION, text)),
  },
  { name: '--no-acpi', help: 'no ACPI tables', apply: store('acpi', () => false) },
  {
    name: '--technique',
    value: 'NAME',
    help: `how the virtual machine is made (vm only): ${TECHNIQUES.join(', ')}`,
    takes: `one of ${TECHNIQUES.join(', ')}`,
    commands: RUNS,
    apply: store('technique', (text) => oneOf(TECHNIQUES, text)),
  },
  {
    name: '--tier2',
    value: 'MODE',
    help: 'compile guest code to WebAssembly: off, on (what runs often), forced (everything, for tests); the guest cannot tell',
    takes: `one of ${TIER2_MODES.join(', ')}`,
    apply: store('tier2', (text) => oneOf(TIER2_MODES, text)),
  },
  {
    name: '--until',
    value: 'TEXT',
    help: 'wait until the console has shown TEXT; the run ends when the last one is met',
    takes: TEXT,
    repeatable: true,
    commands: RUNS,
    apply: step('until'),
  },
  {
    name: '--send',
    value: 'TEXT',
    help: 'then type TEXT (write \\n for Enter)',
    takes: TEXT,
    repeatable: true,
    commands: RUNS,
    apply: step('send'),
  },
  {
    name: '--limit',
    value: 'COUNT',
    help: 'end after so many instructions, for example 2G',
    takes: 'a number such as 500M or 2G',
    commands: RUNS,
    apply: store('limit', (text) => positive(parseCount(text))),
  },
  {
    name: '--time',
    value: 'SECONDS',
    help: 'end after so many seconds of real time',
    takes: 'a number of seconds',
    commands: RUNS,
    apply: store('time', (text) => positive(parseSeconds(text))),
  },
  {
    name: '--json',
    value: 'FILE',
    help: 'write a report',
    takes: 'a path',
    commands: RUNS,
    apply: store('json', path),
  },
  {
    name: '--port',
    value: 'N',
    help: `TCP port of 127.0.0.1 where gdb is awaited (gdb and bridge); ${DEFAULT_GDB_PORT} when absent, 0 for any that is free`,
    takes: 'a number from 0 to 65535',
    commands: ['gdb', 'bridge'],
    apply: store('port', portNumber),
  },
  {
    name: '--describe',
    value: 'NAME',
    help: `the processor that gdb is shown at first (gdb only): ${DESCRIPTION_NAMES.join(', ')}; amd64 when absent, i386 for programs in 32-bit files`,
    takes: `one of ${DESCRIPTION_NAMES.join(', ')}`,
    commands: ['gdb'],
    apply: store('describe', (text) => oneOf(DESCRIPTION_NAMES, text)),
  },
  {
    name: '--origin',
    value: 'ADDRESS',
    help: `where the lab is served (bridge only), for example http://localhost:9000; may be repeated; ${DEFAULT_ORIGINS.join(', ')} when absent`,
    takes: 'an address that begins with http:// or https://',
    repeatable: true,
    commands: ['bridge'],
    apply: ({ origins }, text) => {
      const found = origin(text);
      return found !== undefined && origins.push(found) > 0;
    },
  },
];
