/**
 * Linux boots in a virtual machine of the lab, in a process that the benchmark has started:
 *
 *   never N     N instructions; no stop was ever set
 *   removed N   the same after a stop of each kind was set and removed again
 *   KIND N      the same with a stop of that kind, which is not reached
 */
import '../../src/cli/branch-hints.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StopTrigger } from '../../src/protocol/stops.ts';
import { Ringlab } from '../../src/worker/machines/ringlab.ts';
import { cpuSeconds } from './cpu-time.ts';
import { GUEST } from './linux.ts';
import { STOPS } from './stop-costs.ts';

const COMMAND_LINE =
  'console=ttyS0 quiet nokaslr cryptomgr.notests initcall_blacklist=load_system_certificate_list';
const SLICE = { instructions: 2_000_000, cycles: 8_000_000 };

function open(): { lab: Ringlab; vm: number } {
  const lab = new Ringlab({ memory: 320 << 20, cpus: 1, stopwatch: () => performance.now() });
  const file = (name: string) => ({ name, bytes: new Uint8Array(readFileSync(join(GUEST, name))) });
  const vm = lab.open({
    name: 'Linux',
    technique: 'vtx-ept',
    kernel: file('vmlinuz'),
    initrd: file('initramfs.cpio'),
    commandLine: COMMAND_LINE,
    memory: 256 << 20,
    cpus: 1,
    flat: null,
  });
  return { lab, vm };
}

/** Some kinds happen all the time: then it is the condition that is never met. */
const set = (lab: Ringlab, vm: number, trigger: StopTrigger): number =>
  lab.addStop({ trigger, enabled: true, vm, level: 'any', condition: 'rip == 1', fromHit: 1 });

function measure(mode: string, instructions: number): number {
  const { lab, vm } = open();
  const triggers = STOPS.filter(({ kind }) => mode === 'removed' || mode === kind);
  const ids = triggers.map((trigger) => set(lab, vm, trigger));
  if (mode === 'removed') for (const id of ids) lab.removeStop(id);
  lab.aim({ kind: 'free' });
  const start = cpuSeconds();
  while (lab.machine().instructions < instructions) {
    const { stop } = lab.slice(SLICE);
    if (stop !== null) throw new Error(`the run ended: ${JSON.stringify(stop)}`);
    lab.takeConsoleOutput();
  }
  return cpuSeconds() - start;
}

const [mode = '', instructions = ''] = process.argv.slice(2);
if (!process.send) throw new Error('started by the benchmark');
process.send(measure(mode, Number(instructions)));
