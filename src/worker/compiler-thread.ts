/** A Worker that compiles regions: gets jobs, answers each message with their module. */
import { compileWarm } from '../cpu/regions/compile.ts';
import type { RegionJob } from '../cpu/regions/job.ts';

self.onmessage = (event: MessageEvent<readonly RegionJob[]>) => self.postMessage(compileWarm(event.data));
