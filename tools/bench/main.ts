/**
 * The lab's own workloads on the bare machine and in a virtual machine (vtx-ept), without
 * and with the second tier. Setups take turns within a round, and the best of all rounds counts. Times are
 * processor times.
 */
import '../../src/cli/branch-hints.ts';
import { type Arguments, isWanted, parseArguments, USAGE, UsageError } from './arguments.ts';
import { CPU_TIME_OF } from './cpu-time.ts';
import { KERNELS } from './kernels.ts';
import { hasLinux, measureBoot } from './linux.ts';
import { best, geometricMean, type Measurement, measureProgram } from './measure.ts';
import { NativeRunner } from './native.ts';
import { buildProgram } from './program.ts';
import { SETUP_KEYS, SETUPS, type SetupKey } from './setups.ts';
import { measureStops } from './stop-costs.ts';
import { tableText } from './table.ts';
import { measureTravel } from './time-travel.ts';

/** Rounds: of programs, of boots; `quick` and not. */
const ROUNDS = { program: { quick: 2, full: 6 }, boot: { quick: 1, full: 3 } };

type Results = Record<SetupKey, Measurement>;

/** One workload in all setups. @param measure one run */
async function inTurns(
  rounds: number,
  measure: (setup: SetupKey) => Measurement | Promise<Measurement>,
): Promise<Results> {
  const runs: Partial<Record<SetupKey, Measurement[]>> = {};
  for (let round = 0; round < rounds; round++) {
    for (const key of SETUP_KEYS) {
      runs[key] ??= [];
      runs[key].push(await measure(key));
    }
  }
  return Object.fromEntries(SETUP_KEYS.map((key) => [key, best(runs[key] ?? [])])) as Results;
}

/** Seconds for one call of a kernel, or for one boot: `calls` is 1. */
type PerCall = Readonly<Record<SetupKey, number>>;

function perCall(results: Results, calls: (setup: SetupKey) => number): PerCall {
  return Object.fromEntries(SETUP_KEYS.map((key) => [key, results[key].seconds / calls(key)])) as PerCall;
}

/** The ratios of a row. Above 1 is faster for `gain`; `inVm` is the speed in a VM as a part of that on the bare machine. */
const ratios = ({ bareOff, vmOff, bareOn, vmOn }: PerCall) => ({
  gain: bareOff / bareOn,
  inVmOff: bareOff / vmOff,
  inVm: bareOn / vmOn,
});

const factor = (ratio: number): string => ratio.toFixed(ratio < 10 ? 2 : 1);
const percent = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;
const rate = ({ instructions, seconds }: Measurement): number => instructions / seconds / 1e6;

async function programs(args: Arguments): Promise<void> {
  const wanted = Object.entries(KERNELS).filter(([name]) => isWanted(args, name));
  if (wanted.length === 0) return;
  const native = NativeRunner.open();
  const head = ['program', 'M instructions', ...SETUP_KEYS.map((key) => SETUPS[key].name)];
  head.push('gain', 'VM/bare, interpreter', 'VM/bare', 'native', 'times native');
  const all: { results: Results; times: PerCall; native: number }[] = [];
  const rows: string[][] = [];
  for (const [name, body] of wanted) {
    progress(name);
    const program = (calls: number) => buildProgram(name, body, calls);
    const rounds = args.quick ? ROUNDS.program.quick : ROUNDS.program.full;
    const results = await inTurns(rounds, (key) => measureProgram(program(SETUPS[key].calls), SETUPS[key]));
    const one = program(1);
    const nativeSeconds = native?.seconds(one.image, one.entry) ?? Number.NaN;
    const times = perCall(results, (key) => SETUPS[key].calls);
    all.push({ results, times, native: nativeSeconds });
    const { gain, inVmOff, inVm } = ratios(times);
    const { instructions } = results.bareOff;
    rows.push([
      name,
      (instructions / 1e6).toFixed(1),
      ...SETUP_KEYS.map((key) => rate(results[key]).toFixed(0)),
      factor(gain),
      percent(inVmOff),
      percent(inVm),
      native ? rate({ instructions, seconds: nativeSeconds }).toFixed(0) : '-',
      native ? factor(times.bareOn / nativeSeconds) : '-',
    ]);
  }
  const mean = (of: (row: (typeof all)[number]) => number) => geometricMean(all.map(of));
  rows.push([
    'geometric mean',
    '',
    ...SETUP_KEYS.map((key) => mean(({ results }) => rate(results[key])).toFixed(0)),
    factor(mean(({ times }) => ratios(times).gain)),
    percent(mean(({ times }) => ratios(times).inVmOff)),
    percent(mean(({ times }) => ratios(times).inVm)),
    native ? mean((row) => rate({ ...row.results.bareOff, seconds: row.native })).toFixed(0) : '-',
    native ? factor(mean((row) => row.times.bareOn / row.native)) : '-',
  ]);
  print('Programs, in millions of guest instructions a second', tableText({ head, rows }, args.markdown));
  if (!native) console.log('Not run natively: that needs Linux on x86-64 and a C compiler.');
  native?.close();
}

const LINUX = 'Linux boot (cloud)';

async function linux(args: Arguments): Promise<void> {
  if (!args.linux || !isWanted(args, LINUX)) return;
  if (!hasLinux()) {
    console.log(`${LINUX}: not measured: \`npm run guests\` fetches the kernel.`);
    return;
  }
  const rounds = args.quick ? ROUNDS.boot.quick : ROUNDS.boot.full;
  const results = await inTurns(rounds, (key) => {
    progress(`${LINUX}: ${SETUPS[key].name}`);
    return measureBoot(key);
  });
  const head = ['Linux boot (cloud) to the prompt', 'M instructions', 'seconds', 'M instructions/s'];
  const rows = SETUP_KEYS.map((key) => [
    SETUPS[key].name,
    (results[key].instructions / 1e6).toFixed(0),
    results[key].seconds.toFixed(2),
    rate(results[key]).toFixed(0),
  ]);
  const { gain, inVmOff, inVm } = ratios(perCall(results, () => 1));
  rows.push(['gain', '', factor(gain), '']);
  rows.push(['VM/bare, interpreter', '', percent(inVmOff), '']);
  rows.push(['VM/bare', '', percent(inVm), '']);
  print('Linux', tableText({ head, rows }, args.markdown));
}

const TRAVEL = 'time travel';

async function timeTravel(args: Arguments): Promise<void> {
  if (!args.linux || !isWanted(args, TRAVEL) || !hasLinux()) return;
  progress(TRAVEL);
  const { cost, rows } = await measureTravel(args.quick);
  const head = [
    'after the boot of Linux and work in its shell',
    'snapshots',
    'MiB',
    'median, ms',
    'worst, ms',
  ];
  print('Time travel', tableText({ head, rows }, args.markdown));
  console.log(`\nA history costs ${percent(cost - 1)} of time.`);
}

const STOP_COSTS = 'stops';

async function stops(args: Arguments): Promise<void> {
  if (!args.linux || !isWanted(args, STOP_COSTS) || !hasLinux()) return;
  progress(STOP_COSTS);
  const { removed, set } = await measureStops(args.quick);
  const head = ['Linux boots in a VM', 'time, of that without stops'];
  const rows = [
    ['a stop of each kind was set and removed', percent(removed)],
    ...set.map(([kind, factor]) => [`a stop is set and not reached: ${kind}`, percent(factor)]),
  ];
  print('Stops', tableText({ head, rows }, args.markdown));
}

function print(title: string, table: string): void {
  console.log(`\n${title}\n\n${table}`);
}

/** What is being measured, where somebody watches. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}\r`);
}

try {
  const args = parseArguments(process.argv.slice(2));
  console.log(`Processor time of ${CPU_TIME_OF}, best of several runs, setups in turn.`);
  await programs(args);
  await linux(args);
  await timeTravel(args);
  await stops(args);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`bench: ${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
