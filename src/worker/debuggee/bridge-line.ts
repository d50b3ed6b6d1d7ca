import { BRIDGE_PROTOCOL, type BridgeKey, type BridgeNews, HANG_UP } from '../../protocol/bridge.ts';

/** The page's end of the line to `ringlab bridge`. */
export interface BridgeLine {
  send(bytes: Uint8Array): void;
  /** The bridge is to close the connection to gdb; the line stays. */
  hangUp(): void;
  close(): void;
}

export interface BridgeListener {
  news(news: BridgeNews): void;
  bytes(bytes: Uint8Array): void;
  /** The line is there no more, and not because `close` was called. `why` is the bridge's reason, or empty. */
  lost(why: string): void;
}

export type OpenBridge = (key: BridgeKey, listener: BridgeListener) => BridgeLine;

/** By a WebSocket. What the bridge refuses, or that there is none, is heard as `lost`. */
export const openBridge: OpenBridge = ({ port, token }, listener) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, [BRIDGE_PROTOCOL, token]);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === 'string') listener.news(JSON.parse(data) as BridgeNews);
    else listener.bytes(new Uint8Array(data));
  };
  socket.onclose = ({ reason }) => listener.lost(reason);
  return {
    send: (bytes) => socket.send(bytes.slice()),
    hangUp: () => socket.send(HANG_UP),
    close: () => {
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
    },
  };
};
