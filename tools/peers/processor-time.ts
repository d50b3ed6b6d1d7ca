/** Processor time of threads and processes, from Linux's /proc (Documentation/scheduler/sched-stats.rst). */
import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessorTime } from './time.ts';

/** The text of a file of /proc; empty when the process or thread has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const threadTime = (path: string): number => Number(read(`${path}/schedstat`).split(' ')[0]);

/** @param path of the thread: /proc/PID/task/TID */
export function timeOf(path: string): ProcessorTime {
  const tasks = path.slice(0, path.lastIndexOf('/'));
  const process = names(tasks).reduce((sum, task) => sum + threadTime(`${tasks}/${task}`), 0);
  return { thread: threadTime(path), process };
}

const TO_SLEEP = new Int32Array(new SharedArrayBuffer(4));

export function sleep(ms: number): void {
  Atomics.wait(TO_SLEEP, 0, 0, ms);
}

/** Time of the calling thread. It sleeps for a moment first: the kernel's count is then up to date. */
export function ownTime(): ProcessorTime {
  sleep(0.05);
  return timeOf(`/proc/self/task/${process.pid}`);
}

const parentOf = (pid: string): string | undefined =>
  /^PPid:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1];

/**
 * The busiest thread of this name (its first 15 characters) in the process `pid` and its descendants.
 * Throws an Error when there is none.
 */
export function findThread(name: string, pid: number): string {
  const parents = new Map(
    names('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map((entry) => [entry, parentOf(entry)] as const),
  );
  const descends = (process: string | undefined): boolean =>
    process !== undefined && (process === String(pid) || descends(parents.get(process)));
  const threads = [...parents.keys()]
    .filter(descends)
    .flatMap((process) => names(`/proc/${process}/task`).map((task) => `/proc/${process}/task/${task}`))
    .filter((path) => read(`${path}/comm`).trim() === name.slice(0, 15));
  const [busiest] = threads.sort((a, b) => threadTime(b) - threadTime(a));
  if (busiest === undefined) throw new Error(`process ${pid} has no thread "${name}"`);
  return busiest;
}
