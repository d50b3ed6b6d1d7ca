/** The results as Markdown. */
import { geometricMean } from '../bench/measure.ts';
import { tableText } from '../bench/table.ts';
import type { EmulatorName, Place } from './competitors.ts';
import { BOOT, type Measure, type Results } from './results.ts';
import { GROUPS, type Test } from './tests.ts';

/** What the report is about. */
export interface Scope {
  readonly emulators: readonly EmulatorName[];
  readonly places: readonly Place[];
  readonly tests: readonly Test[];
}

type Quotient = readonly [over: EmulatorName, under: EmulatorName];

const PLACE_NAMES: Readonly<Record<Place, string>> = { node: 'Node', chromium: 'Chromium' };
const NAMES: Readonly<Record<EmulatorName, string>> = {
  native: 'native',
  qemu: 'QEMU',
  v86: 'v86',
  lab: 'lab',
};
const QUOTIENTS: readonly Quotient[] = [
  ['qemu', 'native'],
  ['v86', 'native'],
  ['lab', 'native'],
  ['lab', 'qemu'],
  ['lab', 'v86'],
];
/** Where the lab takes longer than v86 by more than a fifth, the report says so in bold. */
const TOO_SLOW = 1.2;

const milliseconds = (ns: number | undefined) =>
  ns === undefined ? '' : (ns / 1e6).toFixed(ns < 1e8 ? 1 : 0);
const digits = (value: number) => value.toFixed(value < 9.95 ? 2 : value < 99.5 ? 1 : 0);

function quotientText(value: number | undefined, [over, under]: Quotient): string {
  if (value === undefined) return '';
  const isTooSlow = over === 'lab' && under === 'v86' && value > TOO_SLOW;
  return isTooSlow ? `**${digits(value)}**` : digits(value);
}

const quotientsOf = ({ emulators }: Scope): Quotient[] =>
  QUOTIENTS.filter(([over, under]) => emulators.includes(over) && emulators.includes(under));
const quotientNames = (scope: Scope): string[] =>
  quotientsOf(scope).map(([over, under]) => `${NAMES[over]}/${NAMES[under]}`);

/** The tests of each group that has some. */
const groupsOf = ({ tests }: Scope) =>
  GROUPS.map((group) => ({ group, members: tests.filter((test) => test.group === group) })).filter(
    ({ members }) => members.length > 0,
  );

/** The geometric means of these tests' quotients, each over those tests that both have run. */
function means(
  results: Results,
  scope: Scope,
  place: Place,
  tests: readonly Test[],
  measure: Measure,
): string[] {
  return quotientsOf(scope).map((pair) => {
    const values = tests
      .map((test) => results.ratio(pair, place, test.name, measure))
      .filter((value) => value !== undefined);
    return values.length === 0 ? '' : quotientText(geometricMean(values), pair);
  });
}

/** Every test in one place, with the means of each group below it. */
export function placeTable(results: Results, scope: Scope, place: Place): string {
  const row = (name: string) => [
    name,
    ...scope.emulators.map((emulator) => milliseconds(results.time(emulator, place, name, 'thread'))),
    ...quotientsOf(scope).map((pair) => quotientText(results.ratio(pair, place, name, 'thread'), pair)),
  ];
  const rows = groupsOf(scope).flatMap(({ group, members }) => [
    ...members.map((test) => row(test.name)),
    [`**${group}**`, ...scope.emulators.map(() => ''), ...means(results, scope, place, members, 'thread')],
  ]);
  const head = [
    `in ${PLACE_NAMES[place]}`,
    ...scope.emulators.map((emulator) => `${NAMES[emulator]}, ms`),
    ...quotientNames(scope),
  ];
  return tableText({ head, rows: [row(BOOT), ...rows] }, true);
}

/** The means of every group and place: of the emulating thread's time, and of its whole process's. */
export function meansTable(results: Results, scope: Scope): string {
  const rows = (['thread', 'process'] as const).flatMap((measure) =>
    scope.places.flatMap((place) =>
      groupsOf(scope).map(({ group, members }) => [
        `${group}, ${PLACE_NAMES[place]}, ${measure}`,
        ...means(results, scope, place, members, measure),
      ]),
    ),
  );
  return tableText({ head: ['geometric means', ...quotientNames(scope)], rows }, true);
}
