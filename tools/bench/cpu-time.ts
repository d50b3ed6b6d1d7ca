import { existsSync, readFileSync } from 'node:fs';

/** On-CPU nanoseconds, run-queue nanoseconds and time slices of the main thread (Linux, proc(5)). */
const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`;
const hasSchedstat = existsSync(SCHEDSTAT);

/** What `cpuSeconds` counts. */
export const CPU_TIME_OF = hasSchedstat ? 'the emulating thread' : 'the process';

/**
 * Seconds of processor time that this process's main thread has used: compilation that V8 does meanwhile
 * in other threads is not in it. Where the system does not tell, user time of the whole process.
 */
export function cpuSeconds(): number {
  return hasSchedstat
    ? Number(readFileSync(SCHEDSTAT, 'latin1').split(' ')[0]) / 1e9
    : process.cpuUsage().user / 1e6;
}
