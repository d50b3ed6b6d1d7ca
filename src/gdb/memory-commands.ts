/** m, M, X: linear memory. */
import { bytesToHex, fromText, hexToBytes, parseHex } from './hex.ts';
import { PACKET_SIZE } from './packets.ts';
import { type Answer, BAD_ADDRESS, type Command, INVALID, OK, type State } from './state.ts';

/** Two digits a byte have to fit into a packet. */
const MOST = PACKET_SIZE / 2;

interface Range {
  readonly address: bigint;
  readonly length: number;
}

/** "ADDRESS,LENGTH" */
function parseRange(text: string): Range | undefined {
  const [address, length, more] = text.split(',').map(parseHex);
  if (address === undefined || length === undefined || more !== undefined) return undefined;
  return { address, length: Number(length) };
}

function read({ debuggee, cpu }: State, rest: string): Answer {
  const range = parseRange(rest);
  if (range === undefined) return INVALID;
  const bytes = debuggee.readMemory(cpu, range.address, Math.min(range.length, MOST));
  return bytes.length === 0 && range.length > 0 ? BAD_ADDRESS : [bytesToHex(bytes)];
}

/** "ADDRESS,LENGTH:DATA" */
function write(decode: (data: string) => Uint8Array | undefined): Command {
  return ({ debuggee, cpu }, rest) => {
    const colon = rest.indexOf(':');
    const range = colon < 0 ? undefined : parseRange(rest.slice(0, colon));
    const bytes = decode(rest.slice(colon + 1));
    if (range === undefined || bytes?.length !== range.length) return INVALID;
    return bytes.length === 0 || debuggee.writeMemory(cpu, range.address, bytes) ? OK : BAD_ADDRESS;
  };
}

export const MEMORY_COMMANDS: Readonly<Record<string, Command>> = {
  m: read,
  M: write(hexToBytes),
  X: write(fromText),
};
