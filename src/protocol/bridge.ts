/**
 * How the page and `ringlab bridge` speak: a WebSocket on this computer. Binary messages are bytes between gdb and
 * the page, unchanged; text messages say who is there.
 */

/** Where a bridge is and what opens it; the text form is what a user pastes. */
export interface BridgeKey {
  /** TCP port of 127.0.0.1 where the page is awaited. */
  readonly port: number;
  /** In base64url. */
  readonly token: string;
}

export const formatBridgeKey = ({ port, token }: BridgeKey): string => `${port}-${token}`;

/** Undefined when the text is none. */
export function parseBridgeKey(text: string): BridgeKey | undefined {
  const [, digits, token] = /^\s*(\d{1,5})-([A-Za-z0-9_-]{16,64})\s*$/.exec(text) ?? [];
  const port = Number(digits);
  return token === undefined || port < 1 || port > 0xffff ? undefined : { port, token };
}

/** A link to the lab ends with this and the key; the part behind # goes to no server. */
export const BRIDGE_FRAGMENT = '#gdb=';

/** The subprotocol that is agreed on; the page offers its token as a second one, which no address shows. */
export const BRIDGE_PROTOCOL = 'ringlab-gdb';

/** Text messages of the bridge. The first one is where it waits for gdb. */
export type BridgeNews =
  | { readonly kind: 'listening'; readonly port: number }
  /** What follows is of this gdb, from its first byte. */
  | { readonly kind: 'gdb-came' }
  | { readonly kind: 'gdb-left' };

/** Text message of the page: the bridge is to close the connection to gdb. */
export const HANG_UP = 'hang up';

/** Codes with which the bridge closes the page's connection. RFC 6455, 7.4.2: 4000 to 4999 are free. */
export const BRIDGE_CLOSE = { WRONG_TOKEN: 4001, ANOTHER_PAGE: 4002, ENDED: 4003 } as const;
