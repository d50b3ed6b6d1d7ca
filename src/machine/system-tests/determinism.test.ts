/**
 * The same computer with the same journal runs the same way, bit for bit, however the run is cut into
 * slices: compared by the hash of all state.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BootImage } from '../boot/load.ts';
import { Computer, type ComputerOptions } from '../computer.ts';
import type { JournalEntry } from '../journal.ts';
import { replay } from '../replay.ts';
import { type StateParts, stateHash, stateParts } from '../state-hash.ts';
import { PROCESSORS_GUEST } from './processors-guest.ts';
import { assembleGuest, GUEST_ORIGIN } from './run-guest.ts';

const bytes = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

/** A length for each slice; a fixed sequence of small and large ones. */
function* uneven(largest: number): Generator<number> {
  for (let seed = 12345; ; ) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    yield 1 + Math.floor(largest * (seed / 2 ** 32) ** 4);
  }
}

/** Runs to a position. */
function runInSlices(computer: Computer, end: number, slices: Iterator<number>): void {
  while (computer.position < end) {
    const { kind } = computer.runTo(Math.min(end, computer.position + slices.next().value));
    if (kind !== 'time') return;
  }
}

interface Recorded {
  readonly journal: readonly JournalEntry[];
  readonly end: number;
  readonly state: StateParts;
}

/** Runs for some cycles and types `typed` at the given cycles. */
function record(
  options: ComputerOptions,
  image: BootImage,
  cycles: number,
  typed: readonly (readonly [cycle: number, text: string])[],
): Recorded {
  const computer = new Computer(options);
  computer.boot(image);
  for (const [cycle, text] of typed) {
    computer.run(cycle);
    computer.input(bytes(text));
  }
  computer.run(cycles);
  return { journal: [...computer.journal.all], end: computer.position, state: stateParts(computer) };
}

describe('Linux, 100 million instructions with input', () => {
  const root = join(import.meta.dirname, '..', '..', '..', '.cache', 'guests', 'cloud');
  const files = { kernel: join(root, 'vmlinux'), initrd: join(root, 'initramfs.cpio') };
  // Where CI is set the kernel has to be there.
  const missing = !existsSync(files.kernel) && !process.env.CI;

  it.skipIf(missing)('are the same again, and in slices of any length', { timeout: 300_000 }, () => {
    const options = { ramBytes: 128 * 2 ** 20 };
    const image: BootImage = {
      kernel: readFileSync(files.kernel),
      initrd: readFileSync(files.initrd),
      commandLine: 'console=ttyS0 nokaslr cryptomgr.notests',
    };
    const cycles = 140_000_000;
    const recorded = record(options, image, cycles, [
      [10_000_000, 'early'],
      [50_000_001, 'in the middle\n'],
      [50_000_002, 'again'],
      [139_000_000, 'late'],
    ]);

    const again = replay(options, image, recorded.journal);
    again.run(cycles);
    expect(again.instructions).toBeGreaterThan(100_000_000);
    expect(stateParts(again)).toEqual(recorded.state);

    const sliced = new Computer(options);
    sliced.boot(image);
    const slices = uneven(500_000);
    for (const { position, input } of recorded.journal) {
      runInSlices(sliced, position, slices);
      expect(sliced.position).toBe(position);
      if (input.kind === 'console') sliced.input(input.bytes);
    }
    runInSlices(sliced, recorded.end, slices);
    expect(stateParts(sliced)).toEqual(recorded.state);
  });
});

describe.each([2, 4])('%i processors', (cpus) => {
  const options: ComputerOptions = { ramBytes: 2 ** 24, cpus };
  const guest = (rounds: number): BootImage => ({
    kernel: assembleGuest(PROCESSORS_GUEST, { CPUS: `${cpus}`, ROUNDS: `${rounds}` }),
    commandLine: '',
    format: 'flat',
    flat: { address: GUEST_ORIGIN, mode: 'real' },
  });

  it('interleave in the same way however the run is cut', () => {
    const image = guest(3000);
    const recorded = record(options, image, 10_000_000, [
      [30_000, 'a'],
      [47_123, 'b'],
    ]);
    for (const largest of [3, 1000, 100_000]) {
      const sliced = new Computer(options);
      sliced.boot(image);
      const slices = uneven(largest);
      for (const { position, input } of recorded.journal) {
        runInSlices(sliced, position, slices);
        if (input.kind === 'console') sliced.input(input.bytes);
      }
      runInSlices(sliced, recorded.end, slices);
      expect(stateParts(sliced)).toEqual(recorded.state);
    }
  });

  it('replay input that entered in any processor’s turn', () => {
    const image = guest(1_000_000);
    const first = new Computer(options);
    first.boot(image);
    // Single steps end in any turn; runs only in the first processor's.
    first.run(60_000);
    const turns = new Set<number>();
    for (let i = 0; i < 300_000; i++) {
      first.step();
      if (i % 7919 === 0) {
        turns.add(first.processor.index);
        first.input([0x41 + (i % 26)]);
      }
    }
    expect(turns.size).toBe(cpus);
    const last = first.journal.all.at(-1)!;
    first.runTo(last.position + 50_000);
    const second = replay(options, image, first.journal.all);
    second.runTo(last.position + 50_000);
    expect(stateParts(second)).toEqual(stateParts(first));
  });
});

describe('the hash', () => {
  const options: ComputerOptions = { ramBytes: 2 ** 20 };
  const image: BootImage = {
    kernel: Uint8Array.of(0xeb, 0xfe),
    commandLine: '',
    format: 'flat',
    flat: { address: GUEST_ORIGIN, mode: 'real' },
  };
  const fresh = (): Computer => {
    const computer = new Computer(options);
    computer.boot(image);
    computer.run(1000);
    return computer;
  };
  const changed = (change: (computer: Computer) => void): string[] => {
    const computer = fresh();
    change(computer);
    const [before, after] = [stateParts(fresh()), stateParts(computer)];
    return Object.keys(before).filter((part) => before[part] !== after[part]);
  };

  it('tells which part differs', () => {
    expect(changed(() => {})).toEqual([]);
    expect(stateHash(fresh())).toMatch(/^[0-9a-f]{16}$/);
    expect(stateHash(fresh())).toBe(stateHash(fresh()));
    const other = fresh();
    other.run(1001);
    expect(stateHash(other)).not.toBe(stateHash(fresh()));
    expect(changed((c) => c.ram.write(0xf_ffff, Uint8Array.of(1)))).toEqual(['ram']);
    expect(changed((c) => c.processor.regs.setGprNumber(3, 1))).toEqual(['processor 0']);
    expect(changed((c) => c.processor.nmi())).toEqual(['processor 0']);
    expect(changed((c) => c.input([65]))).toEqual(['serial', 'schedule', 'journal']);
    expect(changed((c) => c.run(1001))).toEqual(['processor 0']);
    expect(changed((c) => c.board.ports.write(0x80, 1, 0x30))).toEqual(['postCodes']);
  });
});

describe('replay', () => {
  const options: ComputerOptions = { ramBytes: 2 ** 20 };
  const image: BootImage = {
    kernel: Uint8Array.of(0xfa, 0xf4),
    commandLine: '',
    format: 'flat',
    flat: { address: GUEST_ORIGIN, mode: 'real' },
  };
  const typed = (entry: Partial<JournalEntry>): readonly JournalEntry[] => [
    { position: 2, input: { kind: 'console', target: 'com1', bytes: [65] }, ...entry },
  ];

  it('refuses a journal that does not belong to the computer', () => {
    expect(() => replay(options, image, typed({ position: 1000 }))).toThrow(
      /entered at position 1000.*waiting/,
    );
    const command = { kind: 'command', target: 'vm1', name: 'reset' } as const;
    expect(() => replay(options, image, typed({ input: command }))).toThrow(/vm1/);
  });
});
