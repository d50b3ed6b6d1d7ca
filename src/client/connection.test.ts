import { beforeEach, expect, test, vi } from 'vitest';
import type { ToPage, ToWorker } from '../protocol/messages.ts';
import { CommandRefused, Connection, type Port } from './connection.ts';

class FakePort implements Port {
  readonly sent: ToWorker[] = [];
  onmessage: Port['onmessage'] = null;
  onerror: Port['onerror'] = null;
  postMessage(message: ToWorker): void {
    this.sent.push(message);
  }
  deliver(message: ToPage): void {
    this.onmessage?.({ data: message } as MessageEvent<ToPage>);
  }
}

let port: FakePort;
let connection: Connection;
const listener = { ready: vi.fn(), snapshot: vi.fn(), trouble: vi.fn(), failed: vi.fn() };

beforeEach(() => {
  vi.clearAllMocks();
  port = new FakePort();
  connection = new Connection(port, listener);
});

test('keeps messages until the worker is ready, then sends them in order', () => {
  void connection.send({ kind: 'run' });
  void connection.send({ kind: 'pause' });
  expect(port.sent).toEqual([]);
  port.deliver({ type: 'ready' });
  expect(port.sent.map((message) => message.type === 'command' && message.command.kind)).toEqual([
    'run',
    'pause',
  ]);
  expect(listener.ready).toHaveBeenCalledOnce();
});

test('answers reach the command they belong to', async () => {
  port.deliver({ type: 'ready' });
  const set = connection.send({ kind: 'toggle-breakpoint', vm: 1, address: 4096n });
  const step = connection.send({ kind: 'step', on: { vm: 1, vcpu: 0 } });
  port.deliver({ type: 'refused', id: 2, error: { what: 'No such vCPU.', where: null, remedy: null } });
  port.deliver({ type: 'done', id: 1, result: true });
  await expect(set).resolves.toBe(true);
  await expect(step).rejects.toBeInstanceOf(CommandRefused);
});

test('a snapshot is acknowledged after the next frame only', () => {
  const frames: FrameRequestCallback[] = [];
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => frames.push(callback));
  port.deliver({ type: 'ready' });
  const snapshot = { sequence: 9, at: { cycles: 0, ns: 0 }, focus: null, views: {}, console: [] };
  port.deliver({ type: 'snapshot', snapshot });
  expect(listener.snapshot).toHaveBeenCalledWith(snapshot);
  expect(port.sent).toEqual([]);
  frames[0]?.(0);
  expect(port.sent).toEqual([{ type: 'drawn', sequence: 9 }]);
  vi.unstubAllGlobals();
});

test('a worker that cannot be loaded is a failure', () => {
  port.onerror?.({ message: '', filename: '', lineno: 0 } as ErrorEvent);
  expect(listener.failed).toHaveBeenCalledWith(expect.objectContaining({ remedy: 'Reload the page.' }));
});
