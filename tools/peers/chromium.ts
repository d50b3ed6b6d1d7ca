/** An emulator in a Worker of Chromium, on a page that has nothing else. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { chromium } from '@playwright/test';
import { findChromium } from '../../scripts/chromium.mjs';
import { run } from '../../scripts/lib/run.mjs';
import type { Bundles } from './bundle.ts';
import type { Conversation } from './dialogue.ts';
import { LIMIT_MS } from './guest.ts';
import type { Answer, Setup } from './hosts/converse.ts';
import { findThread, timeOf } from './processor-time.ts';
import { NO_TIME } from './time.ts';

const PAGE = '<!doctype html><title>peers</title>';
/** Chromium's name for the thread of a Worker. */
const WORKER_THREAD = 'DedicatedWorker thread';

/** "Chromium 140.0.7339.185" */
export function chromiumVersion(): string {
  return run(findChromium(), ['--version']).toString().trim().split(' ').slice(0, 2).join(' ');
}

/** Serves the page, files by their last names, and under "time" the processor time of the Worker that asks. */
async function serve(paths: readonly string[]): Promise<Server> {
  const files = new Map(paths.map((path) => [basename(path), path]));
  let thread: string | undefined;
  const time = () => {
    thread ??= findThread(WORKER_THREAD, process.pid);
    return JSON.stringify(thread === undefined ? NO_TIME : timeOf(thread));
  };
  const server = createServer(async (request, response) => {
    const name = (request.url ?? '/').slice(1);
    const path = files.get(name);
    const types: Record<string, string> = {
      '': 'text/html',
      mjs: 'text/javascript',
      wasm: 'application/wasm',
    };
    const type = types[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    response.setHeader('content-type', type).setHeader('cache-control', 'no-store');
    if (name === '') response.end(PAGE);
    else if (name === 'time') response.end(time());
    else if (path !== undefined) response.end(await readFile(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Runs in the page: starts the Worker, gives it the setup, waits for its answer. */
function inPage(setup: Setup): Promise<Answer> {
  return new Promise((resolve) => {
    const worker = new Worker('worker.mjs', { type: 'module' });
    worker.onmessage = (event: MessageEvent<Answer>) => resolve(event.data);
    worker.onerror = (event) => resolve({ kind: 'failure', reason: `the Worker: ${event.message}` });
    worker.postMessage(setup);
  });
}

/** @param setup with paths as addresses: the files are served by their last names */
export async function runInChromium(bundles: Bundles, setup: Setup): Promise<Conversation> {
  const paths = Object.values(setup.files);
  const served = Object.entries(setup.files).map(([name, path]) => [name, `/${basename(path)}`]);
  const server = await serve([bundles.worker, ...paths]);
  const browser = await chromium.launch({
    executablePath: findChromium(),
    // Chromium's own sandbox does not start for root.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const answer = await page.evaluate(inPage, { ...setup, files: Object.fromEntries(served) } as Setup);
    if (answer.kind === 'failure') throw new Error(answer.reason);
    return answer.result;
  } finally {
    await browser.close();
    server.close();
  }
}
