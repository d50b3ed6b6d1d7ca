import { randomBytes } from 'node:crypto';
import { BRIDGE_FRAGMENT, formatBridgeKey } from '../../protocol/bridge.ts';
import type { BridgeCommand } from '../command.ts';
import { USAGE_STATUS } from '../exit-status.ts';
import { Bridge } from './bridge.ts';

/** Too many to be guessed. */
const TOKEN_BYTES = 24;

/** `ringlab bridge`: until `end` resolves. @returns the exit status */
export async function serveBridge(
  { port, origins }: BridgeCommand,
  log: (line: string) => void,
  end: Promise<void>,
): Promise<number> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const bridge = new Bridge({ origins, token, log });
  try {
    const ports = await bridge.listen(port);
    const key = formatBridgeKey({ port: ports.page, token });
    log('open one of these links, or paste the key into a lab that is open: View, Connect gdb');
    for (const origin of origins) log(`  ${origin}/${BRIDGE_FRAGMENT}${key}`);
    log(`key: ${key}`);
    log(`then, in gdb: target remote 127.0.0.1:${ports.gdb}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    log(`port ${port} cannot be had: ${why}; choose another with --port`);
    return USAGE_STATUS;
  }
  await end;
  bridge.close();
  return 0;
}
