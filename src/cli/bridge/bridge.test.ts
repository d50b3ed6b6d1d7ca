import { once } from 'node:events';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { BRIDGE_CLOSE, BRIDGE_PROTOCOL, type BridgeNews, HANG_UP } from '../../protocol/bridge.ts';
import { sameToken, turnedAway } from './admission.ts';
import { Bridge } from './bridge.ts';

const LAB = 'http://127.0.0.1:8080';
const TOKEN = 'the-token-of-this-test';

let bridge: Bridge;
let ports: { gdb: number; page: number };
let log: string[];

beforeEach(async () => {
  log = [];
  bridge = new Bridge({ origins: [LAB], token: TOKEN, log: (line) => void log.push(line) });
  ports = await bridge.listen(0);
});

afterEach(() => bridge.close());

interface Lab {
  readonly socket: WebSocket;
  /** The next message: bytes as text, or news. */
  next(): Promise<string | BridgeNews>;
}

/** A page that is let in, past its first message. */
async function lab(): Promise<Lab> {
  const socket = page();
  const waiting: ((message: string | BridgeNews) => void)[] = [];
  const arrived: (string | BridgeNews)[] = [];
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? data.toString() : (JSON.parse(data.toString()) as BridgeNews);
    const taker = waiting.shift();
    if (taker === undefined) arrived.push(message);
    else taker(message);
  });
  const next = () =>
    new Promise<string | BridgeNews>((resolve) => {
      const message = arrived.shift();
      if (message === undefined) waiting.push(resolve);
      else resolve(message);
    });
  expect(await next()).toEqual({ kind: 'listening', port: ports.gdb });
  return { socket, next };
}

const page = (origin: string | undefined = LAB, token = TOKEN): WebSocket =>
  new WebSocket(`ws://127.0.0.1:${ports.page}`, [BRIDGE_PROTOCOL, token], {
    ...(origin === '' ? {} : { origin }),
  });

/** With what code and reason the bridge closes it. */
async function closing(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

async function gdb(): Promise<Socket> {
  const socket = connect(ports.gdb, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

const closed = (socket: Socket): Promise<unknown> => once(socket.on('error', () => {}).resume(), 'close');

describe('the bridge', () => {
  it('carries bytes both ways, and tells the page who is there', async () => {
    const { socket, next } = await lab();
    const debuggerSide = await gdb();
    debuggerSide.write('+$?#3f');
    expect(await next()).toEqual({ kind: 'gdb-came' });
    expect(await next()).toBe('+$?#3f');
    socket.send(Buffer.from('+$T05#b9'));
    const [answer] = (await once(debuggerSide, 'data')) as [Buffer];
    expect(answer.toString()).toBe('+$T05#b9');
    debuggerSide.end();
    expect(await next()).toEqual({ kind: 'gdb-left' });
    const again = await gdb();
    again.write('+');
    expect(await next()).toEqual({ kind: 'gdb-came' });
  });

  it.each([
    ['https://elsewhere.example', /start the bridge with --origin https:\/\/elsewhere\.example/],
    ['http://127.0.0.1:8081', /the page is of http:\/\/127\.0\.0\.1:8081/],
    ['null', /the page is of null/],
    ['', /no page in a browser/],
  ])('turns away a page of the origin %j', async (origin, why) => {
    const socket = page(origin);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(403);
    expect(log.join('\n')).toMatch(why);
    socket.on('error', () => {}).terminate();
  });

  it.each(['wrong', `${TOKEN}x`])('turns away a page with the token %j', async (token) => {
    expect(await closing(page(LAB, token))).toEqual([BRIDGE_CLOSE.WRONG_TOKEN, 'the token is wrong']);
    // Whoever had no token is no page that is connected.
    await lab();
  });

  it('turns away a page without a token', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${ports.page}`, [BRIDGE_PROTOCOL], { origin: LAB });
    expect(await closing(socket)).toEqual([BRIDGE_CLOSE.WRONG_TOKEN, 'the token is wrong']);
  });

  it('has one page at a time; the first one stays', async () => {
    const first = await lab();
    expect(await closing(page())).toEqual([BRIDGE_CLOSE.ANOTHER_PAGE, 'another page is connected']);
    (await gdb()).write('+');
    expect(await first.next()).toEqual({ kind: 'gdb-came' });
    first.socket.close();
    await once(first.socket, 'close');
    await lab();
  });

  it('has one gdb at a time, and none while no page is there', async () => {
    await closed(await gdb());
    expect(log).toContain('gdb was turned away: no lab is connected yet');
    const { next } = await lab();
    (await gdb()).write('+');
    await next();
    await closed(await gdb());
    expect(log).toContain('gdb was turned away: one at a time');
  });

  it('closes the connection to gdb when the page goes, or hangs up', async () => {
    const first = await lab();
    const one = await gdb();
    one.write('+');
    await first.next();
    first.socket.send(HANG_UP);
    await closed(one);
    expect(await first.next()).toBe('+');
    expect(await first.next()).toEqual({ kind: 'gdb-left' });
    const two = await gdb();
    two.write('+');
    await first.next();
    first.socket.terminate();
    await closed(two);
    expect(log).toContain('the lab has left');
  });

  it('turns away what does not speak as gdb does, and tells the page nothing of it', async () => {
    const { next } = await lab();
    const browser = await gdb();
    browser.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n$k#6b');
    await closed(browser);
    (await gdb()).write('+');
    expect(await next()).toEqual({ kind: 'gdb-came' });
  });

  it('answers a plain request with where to go', async () => {
    const [response] = await once(get({ port: ports.page, host: '127.0.0.1' }), 'response');
    expect(response.statusCode).toBe(404);
    response.resume();
  });

  it('says that it has been ended', async () => {
    const { socket } = await lab();
    const end = closing(socket);
    bridge.close();
    expect(await end).toEqual([BRIDGE_CLOSE.ENDED, 'the bridge was ended']);
  });
});

describe('admission', () => {
  const visitor = { remote: '127.0.0.1', host: '127.0.0.1:4000', origin: LAB };

  it('is for the lab on this computer', () => {
    expect(turnedAway(visitor, [LAB])).toBe(undefined);
    expect(turnedAway({ ...visitor, remote: '::ffff:127.0.0.1', host: 'localhost:1' }, [LAB])).toBe(
      undefined,
    );
  });

  it.each([
    [{ remote: '192.168.1.7' }, /192\.168\.1\.7 is another computer/],
    [{ remote: '128.0.0.1' }, /another computer/],
    [{ remote: undefined }, /an unknown address is another computer/],
    [{ host: 'rebound.example:4000' }, /called rebound\.example:4000/],
    [{ host: '127.0.0.1.rebound.example' }, /its name is 127\.0\.0\.1/],
    [{ host: undefined }, /by no name/],
    [{ origin: 'http://127.0.0.1:8080.example' }, /the page is of/],
    [{ origin: undefined }, /no page in a browser/],
  ])('is not for %j', (change, why) => {
    expect(turnedAway({ ...visitor, ...change }, [LAB])).toMatch(why);
  });

  it('compares tokens of any length', () => {
    expect(sameToken(TOKEN, TOKEN)).toBe(true);
    expect(sameToken('', TOKEN)).toBe(false);
    expect(sameToken(`${TOKEN}a`, TOKEN)).toBe(false);
  });
});
