/** Who may come to the bridge: the lab's page, in a browser on this computer, with the token. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** What is known of a request before anything is answered. */
export interface Visitor {
  /** Address from which the connection comes. */
  readonly remote: string | undefined;
  /** The request's Host header: what the visitor believes to talk to. */
  readonly host: string | undefined;
  /** The request's Origin header: the page that asks, as its browser says. */
  readonly origin: string | undefined;
}

interface Rule {
  readonly refused: (visitor: Visitor, origins: readonly string[]) => boolean;
  readonly why: (visitor: Visitor) => string;
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/;
/** Another name that leads here would be a trick of its owner's (DNS rebinding). */
const OWN_NAMES = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

const RULES: readonly Rule[] = [
  {
    refused: ({ remote }) => !LOOPBACK.test(remote ?? ''),
    why: ({ remote }) => `${remote ?? 'an unknown address'} is another computer`,
  },
  {
    refused: ({ host }) => !OWN_NAMES.test(host ?? ''),
    why: ({ host }) => `it was called ${host ?? 'by no name'}, and its name is 127.0.0.1`,
  },
  {
    refused: ({ origin }, origins) => origin === undefined || !origins.includes(origin),
    why: ({ origin }) =>
      origin === undefined
        ? 'what asks is no page in a browser'
        : `the page is of ${origin}; if that is your lab, start the bridge with --origin ${origin}`,
  },
];

/** Why a visitor is turned away; undefined for the lab's page. `origins`: addresses of the lab, without a path. */
export function turnedAway(visitor: Visitor, origins: readonly string[]): string | undefined {
  return RULES.find(({ refused }) => refused(visitor, origins))?.why(visitor);
}

/** Takes as long for one wrong token as for any other. */
export function sameToken(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
