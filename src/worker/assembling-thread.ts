import type { CommandError, ProgramCommand } from '../protocol/commands.ts';
import { inOwnThread, type ProgramAnswer } from './program-queue.ts';
import { Refusal } from './refusal.ts';

/** What program-thread.ts answers each message with. */
export type ProgramReply = { readonly answer: ProgramAnswer } | { readonly error: CommandError };

/** A thread that runs program-thread.ts. */
export interface AssemblingThread {
  postMessage(command: ProgramCommand): void;
  onmessage: ((event: MessageEvent<ProgramReply>) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

/**
 * Answers in another thread, one question at a time. It is started with the first question, and ends with the
 * thread that started it. Should it fail, this thread answers, after `report`.
 */
export function inOtherThread(
  start: () => AssemblingThread,
  report: (reason: string) => void,
): (command: ProgramCommand) => Promise<ProgramAnswer> {
  let thread: AssemblingThread | undefined;
  let isAlive = true;
  return (command) => {
    if (!isAlive) return inOwnThread(command);
    thread ??= start();
    const to = thread;
    return new Promise((resolve, reject) => {
      const failed = (reason: string) => {
        isAlive = false;
        report(reason);
        resolve(inOwnThread(command));
      };
      to.onmessage = ({ data }) => {
        if ('answer' in data) resolve(data.answer);
        else reject(new Refusal(data.error.what, data.error.where, data.error.remedy));
      };
      to.onmessageerror = () => failed('its answer could not be read');
      to.onerror = (event) => failed(event.message ?? 'it could not be started');
      to.postMessage(command);
    });
  };
}
