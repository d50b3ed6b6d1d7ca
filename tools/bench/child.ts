import { fork } from 'node:child_process';
import { join } from 'node:path';

/** Runs a program that is bundled beside this in a process of its own, and answers with the message that it sends. */
export function inChild<Result>(name: string, args: readonly string[]): Promise<Result> {
  return new Promise((resolve, reject) => {
    const program = join(import.meta.dirname, `${name}.mjs`);
    const child = fork(program, [...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let result: Result | undefined;
    child.on('message', (message) => {
      result = message as Result;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (result !== undefined) resolve(result);
      else reject(new Error(`${name} ${args.join(' ')} ended with status ${status}`));
    });
  });
}
