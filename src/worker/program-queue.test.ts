import { expect, test } from 'vitest';
import type { ProgramCommand } from '../protocol/commands.ts';
import { type AssemblingThread, inOtherThread, type ProgramReply } from './assembling-thread.ts';
import { inOwnThread, type ProgramAnswer, ProgramQueue } from './program-queue.ts';
import { answer } from './programs.ts';

const text = (name: string): ProgramCommand => ({
  kind: 'assemble',
  source: { name, text: 'hlt', format: 'bin' },
});
const RESULT: ProgramAnswer = { program: null, errors: [] };

/** Answers when told to. */
function slow() {
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const queue = new ProgramQueue((command) => {
    asked.push(command.kind === 'assemble' ? command.source.name : command.kind);
    return new Promise((resolve) => {
      answers.push(() => resolve(RESULT));
    });
  });
  return { asked, queue, next: () => answers.shift()?.() };
}

test('of texts that wait only the latest is assembled; everything is answered in order', async () => {
  const { asked, queue, next } = slow();
  const told: string[] = [];
  const ask = (name: string, command: ProgramCommand) =>
    queue.ask(command).then((result) => told.push(`${name} ${result === null ? 'overtaken' : 'done'}`));
  const all = [
    ask('a', text('a')),
    ask('b', text('b')),
    ask('library', { kind: 'programs' }),
    ask('c', text('c')),
    ask('d', text('d')),
  ];
  for (let i = 0; i < 3; i++) {
    next();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  expect(asked).toEqual(['a', 'programs', 'd']);
  expect(told.filter((one) => one.endsWith('overtaken'))).toEqual(['b overtaken', 'c overtaken']);
  expect(told.filter((one) => one.endsWith('done'))).toEqual(['a done', 'library done', 'd done']);
});

test('a question that cannot be answered leaves the next ones alone', async () => {
  let calls = 0;
  const queue = new ProgramQueue(async () => {
    if (calls++ === 0) throw new Error('a defect');
    return RESULT;
  });
  const first = queue.ask(text('a'));
  const second = queue.ask({ kind: 'programs' });
  await expect(first).rejects.toThrow('a defect');
  expect(await second).toBe(RESULT);
});

/** A thread that obeys `reply`; undefined: it breaks. */
function thread(reply: (command: ProgramCommand) => ProgramReply | undefined): AssemblingThread {
  const made: AssemblingThread = {
    onmessage: null,
    onmessageerror: null,
    onerror: null,
    postMessage: (command) => {
      const data = reply(command);
      if (data === undefined) made.onerror?.({ message: 'broken' } as ErrorEvent);
      else made.onmessage?.({ data } as MessageEvent<ProgramReply>);
    },
  };
  return made;
}

test('another thread answers as the own one does, and is started once', async () => {
  let started = 0;
  const other = inOtherThread(
    () => {
      started++;
      return thread((command) => ({ answer: answer(command) }));
    },
    () => expect.unreachable(),
  );
  expect(started).toBe(0);
  expect(await other(text('a.asm'))).toEqual(await inOwnThread(text('a.asm')));
  expect(await other({ kind: 'programs' })).toEqual(await inOwnThread({ kind: 'programs' }));
  expect(started).toBe(1);
});

test("a defect in the other thread is the question's refusal", async () => {
  const error = { what: 'a defect', where: 'internal error', remedy: null };
  const other = inOtherThread(
    () => thread(() => ({ error })),
    () => expect.unreachable(),
  );
  await expect(other(text('a'))).rejects.toMatchObject(error);
});

test('when the other thread fails, the own one answers, also what comes later', async () => {
  const told: string[] = [];
  let asked = 0;
  const other = inOtherThread(
    () =>
      thread(() => {
        asked++;
        return undefined;
      }),
    (reason) => told.push(reason),
  );
  const hlt = { program: { image: Uint8Array.of(0xf4) } };
  expect(await other(text('a'))).toMatchObject(hlt);
  expect(await other(text('b'))).toMatchObject(hlt);
  expect(told).toEqual(['broken']);
  expect(asked).toBe(1);
});
