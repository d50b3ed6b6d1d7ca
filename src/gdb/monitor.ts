/** What gdb's command `monitor` can ask of the computer. */
import { CR0, CR4, EFER, FLAG } from '../arch/registers.ts';
import type { EntryRead, WalkReport } from '../hypervisor/walk/entry.ts';
import { DESCRIPTION_NAMES, DESCRIPTIONS } from './descriptions.ts';
import { fromText, parseHex } from './hex.ts';
import { CONTROL_NAMES, SELECTOR_NAMES } from './register-names.ts';
import type { State } from './state.ts';

interface MonitorCommand {
  readonly name: string;
  /** What stands behind the name in the help; empty when nothing does. */
  readonly takes: string;
  readonly help: string;
  /** Answers lines. */
  readonly run: (state: State, argument: string) => readonly string[];
}

const COMMANDS: readonly MonitorCommand[] = [
  {
    name: 'registers',
    takes: '',
    help: 'control registers by bit, segments with their bases',
    run: registers,
  },
  { name: 'walk', takes: 'ADDRESS', help: 'the page walk of a linear address, entry by entry', run: walk },
  {
    name: 'position',
    takes: '',
    help: 'cycles and instructions since power-on, and what each processor does',
    run: position,
  },
  { name: 'type', takes: 'TEXT', help: "type TEXT and Enter on the guest's console", run: type },
  {
    name: 'describe',
    takes: DESCRIPTION_NAMES.join('|'),
    help: 'choose the registers that gdb is shown; then say: unset tdesc filename',
    run: describe,
  },
  { name: 'help', takes: '', help: 'this list', run: help },
];

/** Carries out what stands behind `monitor`, and answers the lines to print. */
export function monitor(state: State, line: string): readonly string[] {
  const [, name = '', argument = ''] = /^\s*(\S*)\s?(.*)$/s.exec(line) ?? [];
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) return [`There is no command "${name}".`, ...help()];
  if (command.takes === '' && argument.trim() !== '') return [`"monitor ${name}" takes no argument.`];
  return command.run(state, argument);
}

function help(): string[] {
  return COMMANDS.map(({ name, takes, help }) => `${`monitor ${name} ${takes}`.padEnd(32)}${help}`);
}

const hex = (value: bigint | number, digits = 1): string => `0x${value.toString(16).padStart(digits, '0')}`;

const BITS = { cr0: CR0, cr4: CR4, efer: EFER } as const;

const hasBits = (name: string): name is keyof typeof BITS => name in BITS;

/** Names of the set bits. */
function bitNames(value: bigint, bits: Readonly<Record<string, number>>): string {
  return Object.keys(bits)
    .filter((name) => (value & BigInt(bits[name] >>> 0)) !== 0n)
    .join(' ');
}

function registers({ debuggee, cpu }: State): string[] {
  const control = CONTROL_NAMES.map((name) => {
    const value = debuggee.readRegister(cpu, name);
    const bits = hasBits(name) ? bitNames(value, BITS[name]) : '';
    return `${name.padEnd(7)} ${hex(value, 16)}  ${bits}`.trimEnd();
  });
  const flags = debuggee.readRegister(cpu, 'eflags');
  const segments = SELECTOR_NAMES.map((name) => {
    const selector = hex(debuggee.readRegister(cpu, name), 4);
    return `${name.padEnd(7)} ${selector}  base ${hex(debuggee.readRegister(cpu, `${name}_base`))}`;
  });
  return [
    debuggee.describe(cpu),
    ...control,
    `${'rflags'.padEnd(7)} ${hex(flags, 16)}  ${bitNames(flags, FLAG)}`.trimEnd(),
    ...segments,
  ];
}

function position({ debuggee }: State): string[] {
  const { cycle, instructions } = debuggee.position();
  const processors = Array.from({ length: debuggee.processors }, (_, cpu) => debuggee.describe(cpu));
  return [`cycle ${cycle}, ${instructions} instructions`, ...processors];
}

function walk({ debuggee, cpu }: State, argument: string): string[] {
  const address = parseHex(argument.trim().replace(/^0x/i, ''));
  if (address === undefined) {
    return [`"monitor walk" takes an address in hexadecimal, such as 0x7c00; not "${argument.trim()}".`];
  }
  const report = debuggee.walk(cpu, address);
  return report === undefined
    ? [`CPU ${cpu} has not started: it has no page tables to walk. Let the machine run first.`]
    : walkLines(report, address);
}

function walkLines({ paging, cr3, levels, page, end }: WalkReport, address: bigint): string[] {
  const nested = (entries: readonly EntryRead[]) => entries.map((entry) => `    ${entryLine(entry)}`);
  const entries = levels.flatMap((level) => [
    ...nested(level.nested.entries),
    ...(level.entry === undefined ? [] : [`  ${entryLine(level.entry)}`]),
  ]);
  const result =
    end.kind === 'mapped'
      ? `is physical ${hex(end.guestPhysical)}${page?.entries.length ? `, in the host ${hex(end.hostPhysical)}` : ''}: ${end.rights}`
      : `cannot be translated: ${end.fault}, ${end.why}`;
  const mode = paging === 'off' ? 'paging is off' : `${paging} paging, CR3 ${hex(cr3)}`;
  return [mode, ...entries, ...nested(page?.entries ?? []), `${hex(address)} ${result}`];
}

function entryLine({ table, index, address, lo, hi, size, leaf, fault }: EntryRead): string {
  const value = hex((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0), size * 2);
  const what = fault ?? (leaf ? 'maps the page' : '');
  return `${table} entry ${index} at ${hex(address)}: ${value} ${what}`.trimEnd();
}

function type({ debuggee }: State, text: string): string[] {
  debuggee.type(fromText(`${text}\n`));
  return [];
}

function describe(state: State, argument: string): string[] {
  const name = DESCRIPTION_NAMES.find((candidate) => candidate === argument.trim());
  if (name === undefined) {
    return [`"monitor describe" takes ${DESCRIPTION_NAMES.join(' or ')}; not "${argument.trim()}".`];
  }
  state.description = DESCRIPTIONS[name];
  return [`The registers are those of ${name}. Say "unset tdesc filename", so that gdb asks for them.`];
}
