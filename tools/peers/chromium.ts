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
    return JSON.stringify(timeOf(thread));
  };
  const contents = async (name: string) => {
    if (name === '') return PAGE;
    if (name === 'time') return time();
    const path = files.get(name);
    if (path === undefined) throw new Error(`there is no file ${name}`);
    return readFile(path);
  };
  const server = createServer(async (request, response) => {
    const name = (request.url ?? '/').slice(1);
    const types: Record<string, string> = {
      '': 'text/html',
      mjs: 'text/javascript',
      wasm: 'application/wasm',
    };
    const type = types[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    response.setHeader('content-type', type).setHeader('cache-control', 'no-store');
    try {
      response.end(await contents(name));
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Runs in the page: starts the Worker, gives it the setup, waits for its answer, `limit` milliseconds at most. */
function inPage({ setup, limit }: { setup: Setup; limit: number }): Promise<Answer> {
  return new Promise((resolve) => {
    const worker = new Worker('worker.mjs', { type: 'module' });
    worker.onmessage = (event: MessageEvent<Answer>) => resolve(event.data);
    worker.onerror = (event) => resolve({ kind: 'failure', reason: `the Worker: ${event.message}` });
    worker.postMessage(setup);
    setTimeout(() => resolve({ kind: 'failure', reason: `no end after ${limit} ms` }), limit);
  });
}

/** @param setup with paths as addresses: the files are served by their last names */
export async function runInChromium(bundles: Bundles, setup: Setup): Promise<Conversation> {
  const paths = Object.values(setup.files);
  const served = Object.entries(setup.files).map(([name, path]) => [name, `/${basename(path)}`]);
  const server = await serve([bundles.worker, bundles.workerCompiler, ...paths]);
  const browser = await chromium.launch({
    executablePath: findChromium(),
    // Chromium's own sandbox does not start for root.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const setupThere = { ...setup, files: Object.fromEntries(served) } as Setup;
    const answer = await page.evaluate(inPage, { setup: setupThere, limit: LIMIT_MS });
    if (answer.kind === 'failure') throw new Error(answer.reason);
    return answer.result;
  } finally {
    await browser.close();
    server.close();
  }
}
