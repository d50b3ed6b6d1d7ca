/** A Worker that assembles programs, so that a long text does not hold up the machines. */
import type { ProgramCommand } from '../protocol/commands.ts';
import type { ProgramReply } from './assembling-thread.ts';
import { inOwnThread } from './program-queue.ts';
import { toCommandError } from './refusal.ts';

async function reply(command: ProgramCommand): Promise<ProgramReply> {
  try {
    return { answer: await inOwnThread(command) };
  } catch (error) {
    return { error: toCommandError(error) };
  }
}

// The assembler is loaded by the first question: what comes while a module waits for others would be lost.
self.onmessage = async ({ data }: MessageEvent<ProgramCommand>) => self.postMessage(await reply(data));
