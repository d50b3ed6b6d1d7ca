/**
 * Carries bytes between gdb, on one TCP port of this computer, and the lab's page, at a WebSocket on another. It
 * understands none of them. One page and one gdb at a time.
 */
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { BRIDGE_CLOSE, BRIDGE_PROTOCOL, type BridgeNews, HANG_UP } from '../../protocol/bridge.ts';
import { isGdb } from '../gdb-server.ts';
import { sameToken, turnedAway } from './admission.ts';

const LOOPBACK = '127.0.0.1';
/** The page sends packets of gdb's protocol: far smaller. */
const LONGEST_MESSAGE = 1 << 20;

export interface BridgeOptions {
  /** Addresses of the lab, such as `http://127.0.0.1:8080`. */
  readonly origins: readonly string[];
  readonly token: string;
  readonly log: (line: string) => void;
}

export class Bridge {
  readonly #options: BridgeOptions;
  readonly #gdbServer: Server;
  readonly #pageServer: HttpServer;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: LONGEST_MESSAGE,
    handleProtocols: () => BRIDGE_PROTOCOL,
  });
  #page: WebSocket | undefined;
  #gdb: Socket | undefined;
  #gdbPort = 0;

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#gdbServer = createServer({ noDelay: true }, (socket) => this.#gdbConnected(socket));
    this.#pageServer = createHttpServer((_request, response) => {
      response.writeHead(404, { 'Content-Type': 'text/plain' });
      response.end('The bridge between the lab and gdb. Paste its key into the lab: View, Connect gdb.\n');
    });
    this.#pageServer.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
  }

  /**
   * @param gdbPort where gdb is awaited; 0: any that is free
   * @returns the ports. @throws the system's error when the port cannot be had
   */
  async listen(gdbPort: number): Promise<{ readonly gdb: number; readonly page: number }> {
    this.#gdbPort = await listening(this.#gdbServer, gdbPort);
    return { gdb: this.#gdbPort, page: await listening(this.#pageServer, 0) };
  }

  close(): void {
    this.#page?.close(BRIDGE_CLOSE.ENDED, 'the bridge was ended');
    this.#gdb?.destroy();
    this.#gdbServer.close();
    this.#pageServer.close();
    this.#pageServer.closeAllConnections();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    const { host, origin } = request.headers;
    const why = turnedAway({ remote: request.socket.remoteAddress, host, origin }, this.#options.origins);
    if (why !== undefined) {
      this.#options.log(`a visitor was turned away: ${why}`);
      socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${why}\n`);
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (page) =>
      this.#pageConnected(page, request.headers['sec-websocket-protocol'] ?? ''),
    );
  }

  /** A browser shows a page only how an open connection was closed: so what is wrong now is said that way. */
  #pageConnected(page: WebSocket, protocols: string): void {
    page.on('error', () => {});
    const [, token = ''] = protocols.split(',').map((one) => one.trim());
    if (!sameToken(token, this.#options.token)) {
      this.#options.log('a page was turned away: its token is wrong');
      page.close(BRIDGE_CLOSE.WRONG_TOKEN, 'the token is wrong');
      return;
    }
    if (this.#page !== undefined) {
      this.#options.log('another page was turned away: one at a time');
      page.close(BRIDGE_CLOSE.ANOTHER_PAGE, 'another page is connected');
      return;
    }
    this.#page = page;
    this.#options.log('the lab is connected');
    page.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#gdb?.write(data);
      else if (data.toString() === HANG_UP) this.#gdb?.end();
    });
    page.on('close', () => {
      this.#page = undefined;
      this.#options.log('the lab has left');
      this.#gdb?.destroy();
    });
    this.#tell({ kind: 'listening', port: this.#gdbPort });
  }

  #gdbConnected(socket: Socket): void {
    // Whatever happens to the connection, it is closed then.
    socket.on('error', () => {});
    const why = this.#whyNoGdb();
    if (why !== undefined) {
      this.#options.log(`gdb was turned away: ${why}`);
      socket.destroy();
      return;
    }
    this.#gdb = socket;
    let spoken = false;
    socket.on('data', (data) => {
      if (!spoken && !isGdb(data)) {
        this.#options.log('what has connected does not speak as gdb does, and was turned away');
        socket.destroy();
        return;
      }
      if (!spoken) {
        spoken = true;
        this.#options.log('gdb is here');
        this.#tell({ kind: 'gdb-came' });
      }
      this.#page?.send(data);
    });
    socket.on('close', () => {
      this.#gdb = undefined;
      if (!spoken) return;
      this.#options.log('gdb has left');
      this.#tell({ kind: 'gdb-left' });
    });
  }

  #whyNoGdb(): string | undefined {
    if (this.#page === undefined) return 'no lab is connected yet';
    if (this.#gdb !== undefined) return 'one at a time';
    return undefined;
  }

  #tell(news: BridgeNews): void {
    this.#page?.send(JSON.stringify(news));
  }
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => resolve((server.address() as AddressInfo).port));
  });
}
