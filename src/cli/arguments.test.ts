import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';
import type { GdbCommand, RunCommand } from './command.ts';
import { helpText } from './help.ts';
import { OPTIONS } from './options.ts';

function run(...argv: string[]): RunCommand {
  const command = parseArguments(argv);
  if (command.kind !== 'run') throw new Error(JSON.stringify(command));
  return command;
}

function gdb(...argv: string[]): GdbCommand {
  const command = parseArguments(['gdb', ...argv]);
  if (command.kind !== 'gdb') throw new Error(JSON.stringify(command));
  return command;
}

function error(...argv: string[]): string {
  const command = parseArguments(argv);
  if (command.kind !== 'usage-error') throw new Error(`accepted: ${JSON.stringify(command)}`);
  return command.message;
}

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

describe('arguments', () => {
  it('have defaults', () => {
    expect(run('boot', 'vmlinuz')).toEqual({
      kind: 'run',
      target: { kind: 'machine' },
      kernel: 'vmlinuz',
      modules: [],
      append: '',
      format: 'auto',
      memoryBytes: 256 * 2 ** 20,
      cpus: 1,
      acpi: true,
      script: [],
    });
    expect(run('vm', 'vmlinuz').target).toEqual({ kind: 'vm', technique: 'vtx-ept' });
  });

  it('may stand in any order, with = or a space', () => {
    const argv = ['vm', '--memory=1G', '--initrd', 'i', 'k', '--append', 'console=ttyS0', '--cpus', '2'];
    argv.push(
      '--no-acpi',
      '--technique=vtx-ept',
      '--tier2=off',
      '--limit',
      '2G',
      '--time=1.5',
      '--json',
      'out.json',
    );
    expect(run(...argv)).toMatchObject({
      kernel: 'k',
      initrd: 'i',
      append: 'console=ttyS0',
      memoryBytes: 2 ** 30,
      cpus: 2,
      acpi: false,
      tier2: 'off',
      limit: 2e9,
      time: 1.5,
      json: 'out.json',
    });
    expect(run('boot', '--append=', '--', '--strange-name').kernel).toBe('--strange-name');
  });

  it('keep the order of --until and --send', () => {
    const { script } = run(
      'boot',
      'k',
      '--until',
      '~ # ',
      '--send',
      'a\\x03\\n',
      '--send',
      'ü',
      '--until',
      '\\\\n',
    );
    expect(script.map(({ kind, bytes }) => [kind, bytes])).toEqual([
      ['until', ascii('~ # ')],
      ['send', ascii('a\x03\n')],
      ['send', Uint8Array.of(0xc3, 0xbc)],
      ['until', ascii('\\n')],
    ]);
  });

  it('join a module with its command line', () => {
    const { modules } = run('boot', 'k', '--module', 'a', '--module-append', 'x y', '--module', 'b');
    expect(modules).toEqual([
      { path: 'a', commandLine: 'x y' },
      { path: 'b', commandLine: '' },
    ]);
  });

  it('describe flat binaries', () => {
    expect(run('boot', 'k', '--address', '0x7c00', '--mode', 'real').flat).toEqual({
      address: 0x7c00,
      mode: 'real',
    });
  });

  it('say how gdb comes to a guest', () => {
    expect(gdb('k')).toEqual({
      kind: 'gdb',
      kernel: 'k',
      modules: [],
      append: '',
      format: 'auto',
      memoryBytes: 256 * 2 ** 20,
      cpus: 1,
      acpi: true,
      port: 1234,
      describe: 'amd64',
    });
    expect(gdb('k', '--port', '0', '--describe=i386', '--initrd', 'i', '--cpus', '2')).toMatchObject({
      port: 0,
      describe: 'i386',
      initrd: 'i',
      cpus: 2,
    });
  });

  it('ask for help anywhere', () => {
    for (const argv of [['--help'], ['help'], ['boot', '-h'], ['vm', 'k', '--help']]) {
      expect(parseArguments(argv)).toEqual({ kind: 'help' });
    }
  });

  it.each<[string[], RegExp]>([
    [[], /no command/],
    [['start', 'k'], /"start" is not a command/],
    [['boot'], /needs the file/],
    [['boot', 'a', 'b'], /"b" is too many/],
    [['boot', 'k', '--memroy', '1G'], /no option --memroy/],
    [['boot', 'k', '--memory'], /--memory takes a size.*none was given/],
    [['boot', 'k', '--memory', '4G'], /from 1M to 2G.*not "4G"/],
    [['boot', 'k', '--memory', '1.0001M'], /whole pages/],
    [['boot', 'k', '--cpus', '9'], /1 to 8/],
    [['boot', 'k', '--cpus', '0'], /1 to 8/],
    [['boot', 'k', '--cpus', '1', '--cpus', '2'], /twice/],
    [['boot', 'k', '--no-acpi=yes'], /takes no value/],
    [['boot', 'k', '--limit', '0'], /not "0"/],
    [['boot', 'k', '--limit', 'many'], /not "many"/],
    [['boot', 'k', '--time', '-1'], /not "-1"/],
    [['boot', 'k', '--until', ''], /not empty/],
    [['boot', 'k', '--send', '\\q'], /escapes/],
    [['boot', 'k', '--module-append', 'x'], /after a --module/],
    [['boot', 'k', '--format', 'pe'], /one of auto, bzimage/],
    [['vm', 'k', '--memory', '2G'], /--memory takes at most 2036M for `ringlab vm`/],
    [['boot', 'k', '--technique', 'vtx-ept'], /bare machine has no hypervisor/],
    [['vm', 'k', '--virtualization', 'amd-v'], /--virtualization is for `ringlab boot` and `ringlab gdb`\./],
    [['boot', 'k', '--virtualization', 'sev'], /--virtualization takes one of vt-x, amd-v/],
    [['vm', 'k', '--technique', 'xen'], /one of vtx-ept/],
    [['boot', 'k', '--port', '1'], /--port is for `ringlab gdb` and `ringlab bridge`\./],
    [['gdb', 'k', '--port', '65536'], /--port takes a number from 0 to 65535; not "65536"/],
    [['gdb', 'k', '--describe', 'arm'], /--describe takes one of amd64, i386, i8086/],
    [['bridge', 'k'], /boots nothing; "k" is too many/],
    [['bridge', '--memory', '1G'], /--memory is for/],
    [['bridge', '--origin', 'localhost:8080'], /--origin takes an address that begins with http/],
    [['gdb', 'k', '--origin', 'http://localhost:1'], /--origin is for `ringlab bridge`/],
    [['gdb', 'k', '--until', 'x'], /--until is for `ringlab boot` and `ringlab vm`/],
    [['gdb'], /`ringlab gdb` needs the file/],
    [['boot', 'k', '--tier2', 'fast'], /--tier2 takes one of off, on, forced/],
    [['boot', 'k', '--address', '0x1000'], /belong together/],
    [['boot', 'k', '--address', '0x1000', '--mode', 'long', '--format', 'elf'], /for flat binaries/],
  ])('%j are refused', (argv, message) => {
    expect(error(...argv)).toMatch(message);
    expect(error(...argv)).toMatch(/--help/);
  });
});

describe('help', () => {
  it('names every option and fits a terminal', () => {
    const text = helpText();
    for (const { name } of OPTIONS) expect(text).toContain(name);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(110);
  });

  it('has options whose errors say what they take', () => {
    for (const { value, takes } of OPTIONS) expect(takes === undefined).toBe(value === undefined);
  });
});
