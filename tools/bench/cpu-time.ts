import { existsSync, readFileSync } from 'node:fs';

/** On-CPU nanoseconds, run-queue nanoseconds and time slices of the main thread (Linux, proc(5)). */
const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`;
const hasSchedstat = existsSync(SCHEDSTAT);

/** What `cpuSeconds` counts. */
export const CPU_TIME_OF = hasSchedstat ? 'the emulating thread' : 'the process';

const TO_SLEEP = new Int32Array(new SharedArrayBuffer(4));

/**
 * Seconds of processor time that this process's main thread has used: compilation that V8 does meanwhile
 * in other threads is not in it. Where the system does not tell, user time of the whole process.
 *
 * It sleeps for a moment first: the system's count of a thread that runs is up to 4 ms old.
 */
export function cpuSeconds(): number {
  Atomics.wait(TO_SLEEP, 0, 0, 0.05);
  return hasSchedstat
    ? Number(readFileSync(SCHEDSTAT, 'latin1').split(' ')[0]) / 1e9
    : process.cpuUsage().user / 1e6;
}
