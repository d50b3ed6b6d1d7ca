import type { ToWorker } from '../protocol/messages.ts';
import { inOtherThread } from './assembling-thread.ts';
import { createLab } from './create-lab.ts';
import { openBridge } from './debuggee/bridge-line.ts';
import { ProgramQueue } from './program-queue.ts';
import { toCommandError } from './refusal.ts';
import { type Host, Session } from './session.ts';

/** Tasks that are due at once go through a channel: timers would wait for at least 4 ms. */
function workerHost(): Host {
  const channel = new MessageChannel();
  let waiting: (() => void) | null = null;
  channel.port1.onmessage = () => {
    const task = waiting;
    waiting = null;
    task?.();
  };
  return {
    post: (message) => self.postMessage(message),
    now: () => performance.now(),
    programs: new ProgramQueue(
      inOtherThread(
        () => new Worker(new URL('./program-thread.ts', import.meta.url), { type: 'module' }),
        (reason) => console.error(`The assembling thread failed, the machine's own goes on: ${reason}`),
      ),
    ),
    bridge: openBridge,
    after(ms, task) {
      if (ms > 0) {
        const timer = setTimeout(task, ms);
        return () => clearTimeout(timer);
      }
      waiting = task;
      channel.port2.postMessage(null);
      return () => {
        if (waiting === task) waiting = null;
      };
    },
  };
}

try {
  const session: Session = new Session(await createLab(() => session.refresh()), workerHost());
  self.onmessage = (event: MessageEvent<ToWorker>) => session.receive(event.data);
  session.run({ kind: 'free' });
} catch (error) {
  self.postMessage({ type: 'failed', error: toCommandError(error) });
}
