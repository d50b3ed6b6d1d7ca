/** A Worker that compiles regions: gets jobs, answers each message with their module. */
import { serve } from '../cpu/regions/compiler.ts';
import type { RegionJob } from '../cpu/regions/job.ts';

self.onmessage = (event: MessageEvent<readonly RegionJob[]>) => self.postMessage(serve(event.data));
