/** A Worker that assembles programs, so that a long text does not hold up the machines. */
import type { ProgramCommand } from '../protocol/commands.ts';
import type { ProgramReply } from './assembling-thread.ts';
import { answer } from './programs.ts';
import { toCommandError } from './refusal.ts';

function reply(command: ProgramCommand): ProgramReply {
  try {
    return { answer: answer(command) };
  } catch (error) {
    return { error: toCommandError(error) };
  }
}

self.onmessage = (event: MessageEvent<ProgramCommand>) => self.postMessage(reply(event.data));
