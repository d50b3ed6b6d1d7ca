import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cpio, FILE } from '../../scripts/lib/cpio.mjs';
import { type Conversation, Dialogue, type Partner } from './dialogue.ts';
import { fromCpio } from './guest.ts';
import { parseOptions } from './options.ts';
import { meansTable, placeTable } from './report.ts';
import { NOTHING, Results } from './results.ts';
import { TESTS, type Test } from './tests.ts';

describe('tests', () => {
  test('are those of the program', () => {
    const text = readFileSync(join(import.meta.dirname, 'program', 'tests.def'), 'utf8');
    const names = [...text.matchAll(/^(?:TEST|PREPARED)\("([^"]+)"/gm)].map(([, name]) => name);
    expect([NOTHING, ...TESTS.map(({ name }) => name)]).toEqual(names);
  });
});

describe('options', () => {
  test('have defaults', () => {
    const options = parseOptions([]);
    expect(options).toEqual({
      tests: TESTS,
      emulators: ['native', 'qemu', 'v86', 'lab'],
      places: ['node', 'chromium'],
      kernel: 'i386',
      tier2: 'on',
      runs: 3,
    });
  });

  test('choose', () => {
    const options = parseOptions(['--only', 'sh,fork', '--where=node', '--emulators', 'lab', '--runs', '7']);
    expect(options?.tests.map(({ name }) => name)).toEqual(['fork', 'sh']);
    expect(options).toMatchObject({ places: ['node'], emulators: ['lab'], runs: 7 });
  });

  test('leave out v86 where the kernel has 64 bits', () => {
    expect(parseOptions(['--kernel', 'cloud'])).toMatchObject({
      kernel: 'cloud',
      emulators: ['native', 'qemu', 'lab'],
    });
  });

  test('quick is less work, once', () => {
    const options = parseOptions(['--quick', '--only', 'int-sort']);
    const whole = TESTS.find(({ name }) => name === 'int-sort')!.count;
    expect(options?.runs).toBe(1);
    expect(options?.tests[0].count).toBe(Math.ceil(whole / 4));
  });

  test.each([
    [['--only', 'quicksort'], /--only: "quicksort" is not one of int-sort/],
    [['--where', 'firefox'], /--where: "firefox" is not one of node, chromium/],
    [['--kernel', 'freebsd'], /--kernel: "freebsd" is not one of i386, cloud, amd64/],
    [['--kernel', 'cloud', '--emulators', 'v86'], /--emulators: "v86" is not one of native, qemu, lab/],
    [['--runs', '0'], /--runs: "0"/],
    [['--tier2', 'yes'], /--tier2: "yes" is not one of off, on, forced/],
    [['--fast'], /--fast/],
  ])('%j are refused', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});

describe('dialogue', () => {
  /** Answers a dialogue as the program does; every look at the clock finds it a millisecond later. */
  function converse(output: string, names: readonly string[]) {
    const log: unknown[] = [];
    let now = 0;
    const partner: Partner = {
      sample: () => {
        now += 1e6;
        return { thread: now, process: 2 * now };
      },
      send: (text) => log.push(text),
      finished: (result) => log.push(result),
      failed: (reason) => log.push(new Error(reason)),
    };
    const dialogue = new Dialogue(
      names.map((name) => ({ name, count: 5 })),
      partner,
    );
    for (const byte of Buffer.from(output)) dialogue.feed(byte);
    return log;
  }

  test('asks for one test after the other, and measures from begin to done', () => {
    const output =
      '[1.0] noise\r\nready\r\nbegin a\r\ndone a 0000abcd 12\r\nbegin b\r\ndone b 00000001 0\r\n';
    const time = { thread: 1e6, process: 2e6 };
    expect(converse(output, ['a', 'b'])).toEqual([
      'a 5\n',
      'go\n',
      'b 5\n',
      'go\n',
      {
        boot: time,
        tests: [
          { name: 'a', checksum: '0000abcd', time, ownMicroseconds: 12 },
          { name: 'b', checksum: '00000001', time, ownMicroseconds: 0 },
        ],
      },
    ]);
  });

  test('tells of trouble, once', () => {
    const output = 'ready\nbenchmark: fork: Cannot allocate memory\nKernel panic - not syncing\n';
    expect(converse(output, ['a'])).toEqual([
      'a 5\n',
      new Error('the guest says: benchmark: fork: Cannot allocate memory'),
    ]);
  });
});

describe('results', () => {
  const at = (ms: number) => ({ thread: ms * 1e6, process: ms * 3e6 });
  const conversation = (boot: number, times: Record<string, number>, checksum = 'c'): Conversation => ({
    boot: at(boot),
    tests: Object.entries(times).map(([name, ms]) => ({ name, checksum, time: at(ms), ownMicroseconds: 0 })),
  });
  const tests: Test[] = [
    { name: 'x', group: 'cpu', count: 1, about: '' },
    { name: 'y', group: 'cpu', count: 1, about: '' },
  ];
  const scope = { emulators: ['v86', 'lab'], places: ['node'], tests } as const;

  function measured(): Results {
    const results = new Results();
    results.add('v86', 'node', conversation(900, { [NOTHING]: 5, x: 105, y: 25 }));
    results.add('v86', 'node', conversation(800, { [NOTHING]: 6, x: 205, y: 15 }));
    results.add('lab', 'node', conversation(400, { [NOTHING]: 1, x: 51, y: 21 }));
    return results;
  }

  test('are the best of several, without the conversation', () => {
    const results = measured();
    expect(results.time('v86', 'node', 'boot', 'thread')).toBe(800e6);
    expect(results.time('v86', 'node', 'x', 'thread')).toBe(100e6);
    expect(results.time('v86', 'node', 'y', 'process')).toBe(30e6);
    expect(results.time('v86', 'chromium', 'y', 'process')).toBeUndefined();
    expect(results.ratio(['lab', 'v86'], 'node', 'x', 'thread')).toBe(0.5);
  });

  test('become tables, with what is too slow in bold', () => {
    expect(placeTable(measured(), scope, 'node').split('\n')).toEqual([
      '| in Node | v86, ms | lab, ms |  lab/v86 |',
      '| ------- | ------: | ------: | -------: |',
      '| boot    |     800 |     400 |     0.50 |',
      '| x       |     100 |    50.0 |     0.50 |',
      '| y       |    10.0 |    20.0 | **2.00** |',
      '| **cpu** |         |         |     1.00 |',
    ]);
    expect(meansTable(measured(), scope)).toContain('| cpu, Node, process |    1.00 |');
  });

  test('tell where checksums differ', () => {
    const results = measured();
    expect(results.disagreements()).toEqual([]);
    results.add('lab', 'chromium', conversation(1, { x: 1 }, 'd'));
    expect(results.disagreements()).toEqual(['x: c by lab (node), d by lab (chromium)']);
  });
});

test('a file is found in an archive', () => {
  const archive = cpio([
    { path: 'a', mode: FILE, data: Buffer.from('first') },
    { path: 'bin/b', mode: FILE, data: Buffer.from('second') },
  ]);
  expect(fromCpio(archive, 'bin/b').toString()).toBe('second');
  expect(() => fromCpio(archive, 'c')).toThrow('the archive has no file c');
});
