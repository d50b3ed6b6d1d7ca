/** The results as Markdown. */
import type { EmulatorName, Place } from './competitors.ts';
import { BOOT, geometricMean, type Measure, type Results } from './results.ts';
import { GROUPS, type Test } from './tests.ts';

const PLACE_NAMES: Readonly<Record<Place, string>> = { node: 'Node', chromium: 'Chromium' };
const NAMES: Readonly<Record<EmulatorName, string>> = {
  native: 'native',
  qemu: 'QEMU',
  v86: 'v86',
  lab: 'lab',
};

type Quotient = readonly [EmulatorName, EmulatorName];
const TIMES: readonly EmulatorName[] = ['native', 'qemu', 'v86', 'lab'];
const QUOTIENTS: readonly Quotient[] = [
  ['qemu', 'native'],
  ['v86', 'native'],
  ['lab', 'native'],
  ['lab', 'v86'],
  ['lab', 'qemu'],
];

const milliseconds = (ns: number | undefined): string =>
  ns === undefined ? '' : (ns / 1e6).toFixed(ns < 1e8 ? 1 : 0);
const quotient = (value: number | undefined): string =>
  value === undefined ? '' : value.toFixed(value < 9.95 ? 2 : value < 99.5 ? 1 : 0);

/** A Markdown table; the first column is text, the others are numbers. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

const quotientNames = QUOTIENTS.map(([over, under]) => `${NAMES[over]}/${NAMES[under]}`);

/** Means of a group's quotients in one place. */
function means(results: Results, place: Place, tests: readonly Test[], measure: Measure): string[] {
  return QUOTIENTS.map((pair) => {
    const values = tests.map((test) => results.ratio(pair, place, test.name, measure));
    return quotient(geometricMean(values.filter((value) => value !== undefined)));
  });
}

/** Every test in one place, with the mean of each group below it. */
export function placeTable(results: Results, place: Place, tests: readonly Test[]): string {
  const row = (name: string) => [
    name,
    ...TIMES.map((emulator) => milliseconds(results.time(emulator, place, name, 'thread'))),
    ...QUOTIENTS.map((pair) => quotient(results.ratio(pair, place, name, 'thread'))),
  ];
  const rows = GROUPS.flatMap((group) => {
    const members = tests.filter((test) => test.group === group);
    if (members.length === 0) return [];
    const mean = [`**${group}**`, ...TIMES.map(() => ''), ...means(results, place, members, 'thread')];
    return [...members.map((test) => row(test.name)), mean];
  });
  return table(
    [`in ${PLACE_NAMES[place]}`, ...TIMES.map((e) => `${NAMES[e]}, ms`), ...quotientNames],
    [row(BOOT), ...rows],
  );
}

/** The geometric means of every group and place: of the emulating thread's time, and of the whole process's. */
export function summaryTable(results: Results, places: readonly Place[], tests: readonly Test[]): string {
  const rows = (['thread', 'process'] as const).flatMap((measure) =>
    places.flatMap((place) =>
      GROUPS.map((group) => [
        `${group}, ${PLACE_NAMES[place]}, ${measure}`,
        ...means(
          results,
          place,
          tests.filter((test) => test.group === group),
          measure,
        ),
      ]),
    ),
  );
  return table(['geometric mean', ...quotientNames], rows);
}
