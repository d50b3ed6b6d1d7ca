import { describe, expect, it } from 'vitest';
import type { Bench, Stop } from './bench.ts';
import type { RunCommand, Step } from './command.ts';
import { exitStatus } from './exit-status.ts';
import { describeOutcome, makeReport, type Outcome } from './outcome.ts';
import { runBench } from './run.ts';

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const text = (chunk: Uint8Array) => String.fromCharCode(...chunk);
const step = (kind: Step['kind'], words: string): Step => ({ kind, text: words, bytes: bytes(words) });

/** A guest of two cycles an instruction that echoes a prompt, and stops when it is told so. */
class EchoGuest implements Bench {
  readonly protocol = 'test';
  readonly hz = 1e9;
  readonly cpus = 1;
  onOutput: (output: Uint8Array) => void = () => {};
  typed = '';
  cycles = 0;
  longestSlice = 0;
  #interrupted = false;
  #stop: Stop = { kind: 'budget' };

  interrupt(): void {
    this.#interrupted = true;
  }

  input(input: Uint8Array): void {
    this.typed += text(input);
    if (this.typed.endsWith('off\n')) this.#stop = { kind: 'power-off' };
    if (this.typed.endsWith('crash\n'))
      this.#stop = { kind: 'crash', reason: 'triple fault', details: ['RIP 0'] };
  }

  run(cycles: number): Stop {
    this.#interrupted = false;
    this.longestSlice = Math.max(this.longestSlice, cycles);
    this.cycles += cycles;
    for (const character of `${this.typed}$ `) {
      this.onOutput(bytes(character));
      if (this.#interrupted) return { kind: 'budget' };
    }
    return this.#stop;
  }

  counters() {
    const instructions = Math.floor(this.cycles / 2);
    return { instructions, cycles: this.cycles, exits: { CPUID: 3 }, hypercalls: {} };
  }
}

function execute(options: Partial<RunCommand>, clock = () => 0) {
  const guest = new EchoGuest();
  let console = '';
  const write = (output: Uint8Array) => {
    console += text(output);
  };
  const result = runBench(guest, { script: [], ...options }, { write, seconds: clock });
  return { guest, result, console, status: exitStatus(result.outcome) };
}

describe('a run', () => {
  it('ends when the last text has come, at once', () => {
    const script = [step('until', '$ '), step('send', 'hello\n'), step('until', 'hell')];
    const { result, console, status } = execute({ script });
    expect(console).toBe('$ hell');
    expect([result.outcome.kind, result.untilMet, status]).toEqual(['conversation-over', 2, 0]);
  });

  it('ends when the guest stops', () => {
    expect(execute({ script: [step('until', '$'), step('send', 'off\n')] }).result.outcome.kind).toBe(
      'power-off',
    );
    const crashed = execute({ script: [step('send', 'crash\n')] });
    expect([crashed.result.outcome.kind, crashed.status]).toEqual(['crash', 5]);
  });

  it('ends at the limit of instructions, exactly', () => {
    const { result, status } = execute({ limit: 12_345_678 });
    expect([result.outcome.kind, result.instructions, status]).toEqual(['limit', 12_345_678, 3]);
  });

  it('ends when the time is over', () => {
    let now = 100;
    const { result, status } = execute({ time: 5 }, () => now++);
    expect([result.outcome.kind, status]).toEqual(['time', 4]);
    expect(result.seconds).toBeGreaterThanOrEqual(5);
    expect(result.seconds).toBeLessThan(8);
  });

  it('reports', () => {
    const command: RunCommand = {
      kind: 'run',
      target: { kind: 'vm', technique: 'vtx-ept' },
      kernel: 'k',
      modules: [],
      append: '',
      format: 'auto',
      memoryBytes: 1,
      cpus: 1,
      acpi: true,
      script: [step('until', '$')],
    };
    const report = makeReport(command, 'test', execute({ script: command.script }).result);
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({
      command: 'vm',
      kernel: 'k',
      outcome: { kind: 'conversation-over' },
      exitStatus: 0,
      untilMet: 1,
      untilTotal: 1,
      exits: { CPUID: 3 },
    });
  });

  it.each<[Outcome, number]>([
    [{ kind: 'reset' }, 0],
    [{ kind: 'debug-exit', status: 1 }, 1],
    [{ kind: 'debug-exit', status: 0x163 }, 0x63],
    [{ kind: 'halted' }, 5],
  ])('that ended with %j has status %i', (outcome, status) => {
    expect(exitStatus(outcome)).toBe(status);
    expect(describeOutcome(outcome).length).toBeGreaterThan(10);
  });
});
