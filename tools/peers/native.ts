/** The benchmark program on this computer's own processor and kernel. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, type Conversation, Dialogue, type Measurement } from './dialogue.ts';
import { NO_TIME } from './time.ts';

/** A file system in memory where there is one, as the guests' is. */
const FOLDERS = ['/dev/shm', tmpdir()];

function makeFolder(): string {
  for (const parent of FOLDERS) {
    try {
      return mkdtempSync(join(parent, 'peers-'));
    } catch {
      // The next one.
    }
  }
  throw new Error(`no folder can be made in ${FOLDERS.join(' or ')}`);
}

/** Here the program's own count of its time is good. */
function byOwnCount(measurement: Measurement): Measurement {
  const time = measurement.ownMicroseconds * 1000;
  return { ...measurement, time: { thread: time, process: time } };
}

export function runNative(
  program: string,
  busybox: string,
  commands: readonly Command[],
): Promise<Conversation> {
  const cwd = makeFolder();
  return new Promise<Conversation>((resolve, reject) => {
    const child = spawn(program, [], { cwd, env: { BUSYBOX: busybox }, stdio: ['pipe', 'pipe', 'inherit'] });
    const dialogue = new Dialogue(commands, {
      sample: () => NO_TIME,
      send: (text) => child.stdin.write(text),
      finished: (result) => {
        child.stdin.end();
        resolve({ boot: NO_TIME, tests: result.tests.map(byOwnCount) });
      },
      failed: (reason) => reject(new Error(reason)),
    });
    child.stdout.on('data', (data: Buffer) => {
      for (const byte of data) dialogue.feed(byte);
    });
    child.on('error', reject);
    child.on('close', () => reject(new Error(`the program ended early:\n${dialogue.tail}`)));
  }).finally(() => rmSync(cwd, { recursive: true, force: true }));
}
