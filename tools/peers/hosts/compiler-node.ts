/** The thread of Node that compiles the lab's regions: gets jobs, answers each message with their module. */
import { parentPort } from 'node:worker_threads';
import { compileWarm } from '../../../src/cpu/regions/compile.ts';
import type { RegionJob } from '../../../src/cpu/regions/job.ts';

parentPort?.on('message', (jobs: readonly RegionJob[]) => parentPort?.postMessage(compileWarm(jobs)));
