/**
 * Linux boots and then works in its shell without end, in a process that the benchmark has started:
 *
 *   plain N    N instructions without a history
 *   history N  the same with one
 *   back N     after N instructions, steps back from random instants
 *   jump N     after N instructions, jumps to random instants
 */
import '../../src/cli/branch-hints.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/cpu/testing/random.ts';
import { Computer } from '../../src/machine/computer.ts';
import { History, type Instant } from '../../src/machine/time/history.ts';
import { cpuSeconds } from './cpu-time.ts';
import { GUEST } from './linux.ts';
import type { Latencies, Travel } from './time-travel.ts';

const COMMAND_LINE =
  'console=ttyS0 quiet nokaslr cryptomgr.notests initcall_blacklist=load_system_certificate_list';
const PROMPT = '~ # ';
const WORK = 'while :; do ls -lR /proc/self /bin | sort | gzip | wc -c; done\n';
/** Cycles of a piece of the run. */
const PIECE = 2_000_000;
const SAMPLES = 100;

const stopwatch = (): number => performance.now();

function boot(): { readonly computer: Computer; readonly prompted: () => boolean } {
  let shown = '';
  const computer = new Computer({
    ramBytes: 256 << 20,
    serialOutput: (byte) => {
      shown = (shown + String.fromCharCode(byte)).slice(-PROMPT.length);
    },
  });
  const image = {
    kernel: readFileSync(join(GUEST, 'vmlinuz')),
    initrd: readFileSync(join(GUEST, 'initramfs.cpio')),
    commandLine: COMMAND_LINE,
  };
  computer.boot(image);
  return { computer, prompted: () => shown === PROMPT };
}

/** @param history without one the work is the same */
function run(
  { computer, prompted }: ReturnType<typeof boot>,
  history: History | undefined,
  instructions: number,
): void {
  let typed = false;
  while (computer.instructions < instructions) {
    computer.runTo(computer.position + PIECE);
    history?.tick();
    if (typed || !prompted()) continue;
    typed = true;
    computer.input([...WORK].map((character) => character.charCodeAt(0)));
  }
}

/** Of an act at instants chosen at random; `prepare` is not measured. */
function latencies(history: History, prepare: (at: Instant) => void, act: (at: Instant) => void): Latencies {
  const random = new Random(1);
  const { from, to } = history.range;
  const all = Array.from({ length: SAMPLES }, () => {
    const at = { position: from + random.below(to - from), entered: 0 };
    prepare(at);
    const start = stopwatch();
    act(at);
    return stopwatch() - start;
  }).sort((a, b) => a - b);
  return { median: all[SAMPLES / 2], worst: all[SAMPLES - 1] };
}

function measure(mode: string, instructions: number): Travel {
  const machine = boot();
  const { computer } = machine;
  const start = cpuSeconds();
  const history = mode === 'plain' ? undefined : new History(computer, { stopwatch });
  run(machine, history, instructions);
  const seconds = cpuSeconds() - start;
  const kept = { snapshots: history?.marks.length ?? 0, bytes: history?.bytes ?? 0 };
  if (history === undefined || mode === 'history') return { seconds, ...kept };
  const isActive = (): boolean => !computer.processor.isIdle;
  const found =
    mode === 'jump'
      ? latencies(
          history,
          () => {},
          (at) => history.seek(at),
        )
      : latencies(
          history,
          (at) => history.seek(at),
          () => history.stepBack(isActive),
        );
  return { seconds, ...kept, latencies: found };
}

const [mode = '', instructions = ''] = process.argv.slice(2);
if (!process.send) throw new Error('started by the benchmark');
process.send(measure(mode, Number(instructions)));
