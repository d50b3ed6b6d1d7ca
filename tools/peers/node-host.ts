/** An emulator in a Node process of its own. */
import { fork } from 'node:child_process';
import type { Bundles } from './bundle.ts';
import type { Conversation } from './dialogue.ts';
import { LIMIT_MS } from './guest.ts';
import type { Answer, Setup } from './hosts/converse.ts';

export function runInNode({ node }: Bundles, setup: Setup): Promise<Conversation> {
  return new Promise((resolve, reject) => {
    const child = fork(node, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], timeout: LIMIT_MS });
    child.once('message', (answer: Answer) => {
      if (answer.kind === 'result') resolve(answer.result);
      else reject(new Error(answer.reason));
    });
    child.on('error', reject);
    child.on('close', (code, signal) => reject(new Error(`Node ended early: ${signal ?? code}`)));
    child.send(setup);
  });
}
