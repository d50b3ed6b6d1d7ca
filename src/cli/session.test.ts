import { describe, expect, it } from 'vitest';
import { type BootImage, planImage } from '../machine/boot/load.ts';
import { bootSector } from '../machine/boot/testing/images.ts';
import type { Bench, Stop } from './bench.ts';
import { type OpenBench, ringlab, type ServeBridge, type ServeGdb } from './session.ts';

/** A bench that stops at once; the image is checked by the real loaders. */
function stoppingBench(stop: Stop): Bench {
  return {
    protocol: 'flat binary',
    hz: 1e9,
    cpus: 1,
    onOutput: () => {},
    run() {
      this.onOutput(Uint8Array.of(0x68, 0x69));
      return stop;
    },
    interrupt() {},
    input() {},
    counters: () => ({ instructions: 5_000_000, cycles: 6_000_000, exits: {}, hypercalls: {} }),
  };
}

function execute(argv: readonly string[], stop: Stop = { kind: 'power-off' }) {
  const files = new Map([
    ['sector', bootSector()],
    ['junk', Uint8Array.of(0x1f, 0x8b, 8, 0)],
  ]);
  let output = '';
  let errors = '';
  const written = new Map<string, string>();
  const process = {
    readFile(path: string) {
      const content = files.get(path);
      if (content === undefined) throw new Error('no such file');
      return content;
    },
    writeFile(path: string, text: string) {
      if (path.startsWith('readonly/')) throw new Error('permission denied');
      written.set(path, text);
    },
    writeOutput(text: Uint8Array | string) {
      output += typeof text === 'string' ? text : String.fromCharCode(...text);
    },
    writeError(text: string) {
      errors += text;
    },
    seconds: () => 0,
  };
  let image: BootImage | undefined;
  const machine: OpenBench = (command, given) => {
    image = given;
    planImage(given, command.memoryBytes, { cpus: command.cpus, acpi: command.acpi });
    return stoppingBench(stop);
  };
  const status = ringlab(argv, process, { machine });
  return { status, output, errors, written, image };
}

describe('ringlab', () => {
  it('prints the console to standard output and the rest to standard error', () => {
    const { status, output, errors, image } = execute(['boot', 'sector']);
    expect(status).toBe(0);
    expect(output).toBe('hi');
    expect(errors).toMatch(/sector: flat binary\n.*powered off\n.*5\.0 M instructions, 6\.0 M cycles/);
    expect(image?.kernel.length).toBe(512);
  });

  it('writes the report', () => {
    const { written, status } = execute(['boot', 'sector', '--json', 'r.json'], {
      kind: 'debug-exit',
      status: 7,
    });
    expect(status).toBe(7);
    expect(JSON.parse(written.get('r.json') ?? '')).toMatchObject({
      outcome: { kind: 'debug-exit', status: 7 },
      exitStatus: 7,
      instructions: 5_000_000,
      simulatedSeconds: 0.006,
    });
  });

  it('shows what is known of a crash', () => {
    const stop: Stop = { kind: 'crash', reason: 'triple fault', details: ['#PF at 0x1234', 'RIP 7c00'] };
    const { status, errors } = execute(['boot', 'sector'], stop);
    expect(status).toBe(5);
    expect(errors).toMatch(/triple fault[\s\S]*#PF at 0x1234\n.*RIP 7c00/);
  });

  it('says which texts did not come', () => {
    const { errors } = execute(['boot', 'sector', '--until', 'h', '--until', 'login:']);
    expect(errors).toMatch(/1 of 2 texts/);
  });

  it.each<[string[], RegExp]>([
    [['boot', 'missing'], /missing cannot be read: no such file/],
    [['boot', 'sector', '--initrd', 'gone'], /gone cannot be read/],
    [
      ['boot', 'sector', '--json', 'readonly/r.json'],
      /readonly\/r\.json cannot be written: permission denied/,
    ],
    [['boot', 'junk'], /junk: The file is gzip data/],
    [['boot'], /needs the file/],
    [['vm', 'sector'], /no hypervisor/],
  ])('%j ends with status 2', (argv, message) => {
    const { status, errors, output } = execute(argv);
    expect([status, output]).toEqual([2, '']);
    expect(errors).toMatch(message);
  });

  it('leaves gdb to its server, once the files are read', async () => {
    const commands: string[] = [];
    const process = {
      readFile: (path: string) => {
        if (path === 'gone') throw new Error('no such file');
        return bootSector();
      },
      writeFile: () => {},
      writeOutput: () => {},
      writeError: (text: string) => void commands.push(text),
      seconds: () => 0,
    };
    const gdb: ServeGdb = async ({ kernel }, { kernel: bytes }, { log }) => {
      log(`${kernel} of ${bytes.length} bytes`);
      return 9;
    };
    const bridge: ServeBridge = async ({ port, origins }, log) => {
      log(`bridge for ${origins.join()} at ${port}`);
      return 8;
    };
    expect(await ringlab(['gdb', 'sector'], process, { gdb, bridge })).toBe(9);
    expect(await ringlab(['gdb', 'gone'], process, { gdb, bridge })).toBe(2);
    expect(ringlab(['gdb', 'sector'], process, {})).toBe(2);
    expect(ringlab(['bridge'], process, {})).toBe(2);
    const asked = ['bridge', '--port', '0', '--origin', 'http://localhost:9000/lab/?a=1'];
    expect(await ringlab(asked, process, { gdb, bridge })).toBe(8);
    expect(commands.join('')).toMatch(/bridge for http:\/\/localhost:9000 at 0/);
    expect(commands.join('')).toMatch(
      /sector of 512 bytes\n.*gone cannot be read.*\n.*does not speak with gdb/,
    );
  });

  it('prints help', () => {
    const { status, output } = execute(['--help']);
    expect(status).toBe(0);
    expect(output).toMatch(/Usage: ringlab COMMAND FILE/);
  });
});
