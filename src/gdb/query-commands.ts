/** ?, H, T, q..., Q...: what there is. */
import { bytesToHex, fromText, hexToBytes, parseHex, toText } from './hex.ts';
import { monitor } from './monitor.ts';
import { PACKET_SIZE } from './packets.ts';
import {
  type Answer,
  type Command,
  cpuOf,
  INVALID,
  NO_SUCH_THREAD,
  OK,
  type State,
  threadOf,
  UNKNOWN,
} from './state.ts';
import { message } from './stop-replies.ts';

const FEATURES = [
  `PacketSize=${PACKET_SIZE.toString(16)}`,
  'QStartNoAckMode+',
  'qXfer:features:read+',
  'swbreak+',
  'hwbreak+',
  'vContSupported+',
];

/** ":feature;feature": what gdb can do. */
function supported(state: State, rest: string): Answer {
  state.knowsReasons = rest.slice(1).split(';').includes('swbreak+');
  const { runBack, stepBack } = state.debuggee;
  const backwards = [...(stepBack ? ['ReverseStep+'] : []), ...(runBack ? ['ReverseContinue+'] : [])];
  return [[...FEATURES, ...backwards].join(';')];
}

/** ":features:read:target.xml:OFFSET,LENGTH": a piece of a document; `l` before the last piece, `m` before others. */
function transfer({ description }: State, rest: string): Answer {
  const [, object, operation, annex, range = ''] = rest.split(':');
  if (object !== 'features' || operation !== 'read') return UNKNOWN;
  const [offset, length] = range.split(',').map(parseHex);
  if (annex !== 'target.xml') return ['E00'];
  if (offset === undefined || length === undefined) return INVALID;
  const { xml } = description;
  const piece = xml.slice(Number(offset), Number(offset + length));
  return [`${offset + length < xml.length ? 'm' : 'l'}${piece}`];
}

/** "OPERATION THREAD": for which processor the following commands are meant. */
function selectThread(state: State, rest: string): Answer {
  const cpu = cpuOf(state, rest.slice(1));
  if (cpu === undefined) return NO_SUCH_THREAD;
  // Hc is about c and s, which come as vCont with threads of their own.
  if (rest.startsWith('g')) state.cpu = cpu;
  return OK;
}

function threads({ debuggee }: State): Answer {
  const names = Array.from({ length: debuggee.processors }, (_, cpu) => threadOf(cpu));
  return [`m${names.join(',')}`];
}

function describeThread(state: State, rest: string): Answer {
  const cpu = cpuOf(state, rest.slice(1));
  if (cpu === undefined) return NO_SUCH_THREAD;
  return [bytesToHex(fromText(state.debuggee.describe(cpu)))];
}

/** ",HEX": a line typed after `monitor`. */
function remoteCommand(state: State, rest: string): Answer {
  const bytes = hexToBytes(rest.slice(1));
  if (bytes === undefined) return INVALID;
  return [...monitor(state, toText(bytes)).map(message), 'OK'];
}

function withoutAcknowledgement(state: State): Answer {
  state.acknowledges = false;
  return OK;
}

export const QUERY_COMMANDS: Readonly<Record<string, Command>> = {
  '?': ({ stop }) => [stop],
  H: selectThread,
  T: (state, thread) => (cpuOf(state, thread) === undefined ? NO_SUCH_THREAD : OK),
  qSupported: supported,
  qXfer: transfer,
  // A process that was started for gdb is ended by gdb when it ends itself.
  qAttached: ({ attached }) => [attached ? '1' : '0'],
  qC: ({ cpu }) => [`QC${threadOf(cpu)}`],
  qfThreadInfo: threads,
  qsThreadInfo: () => ['l'],
  qThreadExtraInfo: describeThread,
  qRcmd: remoteCommand,
  QStartNoAckMode: withoutAcknowledgement,
};
