import { command } from '../../client/lab.ts';
import { BRIDGE_FRAGMENT } from '../../protocol/bridge.ts';

/** A link of `ringlab bridge` brings its key: it connects, and leaves the address bar and the history. */
export function followBridgeLink(): void {
  const { hash, pathname, search } = location;
  if (!hash.startsWith(BRIDGE_FRAGMENT)) return;
  history.replaceState(history.state, '', pathname + search);
  void command({ kind: 'connect-gdb', key: hash.slice(BRIDGE_FRAGMENT.length) });
}
