import { describe, expect, test } from 'vitest';
import { isWanted, parseArguments, UsageError } from './arguments.ts';
import { KERNELS } from './kernels.ts';
import { best, geometricMean, measureProgram } from './measure.ts';
import { buildProgram } from './program.ts';
import { SETUP_KEYS, SETUPS } from './setups.ts';
import { tableText } from './table.ts';

describe('arguments', () => {
  test('choose workloads and rounds', () => {
    expect(parseArguments([])).toEqual({ quick: false, only: [], linux: true, markdown: false });
    const some = parseArguments(['--quick', '--only', 'sort', '--only', 'LOOP', '--no-linux', '--markdown']);
    expect(some).toEqual({ quick: true, only: ['sort', 'LOOP'], linux: false, markdown: true });
    expect(['sort', 'integer loop', 'calls'].filter((name) => isWanted(some, name))).toEqual([
      'sort',
      'integer loop',
    ]);
  });

  test.each([
    [['--fast'], 'there is no option --fast'],
    [['--only'], '--only takes a part of a name'],
  ])('%o are refused', (argv, message) => {
    expect(() => parseArguments(argv)).toThrow(new UsageError(message));
  });
});

describe('tables', () => {
  const table = {
    head: ['name', 'n'],
    rows: [
      ['a', '10'],
      ['long name', '7'],
    ],
  };

  test('are columns', () => {
    expect(tableText(table, false)).toBe('name        n\na          10\nlong name   7');
  });

  test('are Markdown with numbers at the right', () => {
    expect(tableText(table, true).split('\n')).toEqual([
      '| name      |  n |',
      '| --------- | -: |',
      '| a         | 10 |',
      '| long name |  7 |',
    ]);
  });
});

describe('measurements', () => {
  test('keep the least disturbed run', () => {
    const runs = [3, 1, 2].map((seconds) => ({ instructions: 1, seconds }));
    expect(best(runs).seconds).toBe(1);
    expect(geometricMean([2, 8])).toBeCloseTo(4);
  });

  test('a program executes the same instructions in every setup, but for what the hypervisor adds', () => {
    const program = buildProgram(
      'short',
      '        mov ecx, 100000\n.next:  dec ecx\n        jnz .next\n        ret',
    );
    const counts = SETUP_KEYS.map((key) => measureProgram(program, SETUPS[key]).instructions);
    const [bareOff, vmOff, bareOn, vmOn] = counts;
    expect(bareOn).toBe(bareOff);
    expect(vmOn).toBe(vmOff);
    expect(bareOff).toBeGreaterThan(200_000);
    expect(Math.abs(vmOff - bareOff)).toBeLessThan(100);
  });

  test('a program that does not end as it should is a failure', () => {
    const broken = buildProgram('broken', '        ud2');
    expect(() => measureProgram(broken, SETUPS.bareOff)).toThrow('the program ended by');
  });

  test.each(Object.entries(KERNELS))('the kernel %s can be assembled', (name, body) => {
    expect(buildProgram(name, body).entry).toBeGreaterThan(0);
  });

  test('an error of the assembler names the kernel', () => {
    expect(() => buildProgram('bad', '  nonsense eax')).toThrow(/^bad:\d+: /);
  });
});
