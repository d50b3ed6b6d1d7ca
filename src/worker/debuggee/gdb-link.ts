/** gdb at the lab, by way of `ringlab bridge`: connects the line, the conversation, and the session that runs the lab. */
import { Session } from '../../gdb/session.ts';
import { type BridgeKey, type BridgeNews, parseBridgeKey } from '../../protocol/bridge.ts';
import type { Command, CommandKind } from '../../protocol/commands.ts';
import type { GdbView } from '../../protocol/gdb-view.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import type { VcpuRef } from '../../protocol/target.ts';
import type { Goal, Lab } from '../lab.ts';
import { Refusal } from '../refusal.ts';
import type { BridgeLine, OpenBridge } from './bridge-line.ts';
import { LabDebuggee } from './lab-debuggee.ts';

/** What the link needs of the session that runs the lab. */
export interface LinkSurroundings {
  readonly lab: Lab;
  readonly open: OpenBridge;
  /** The vCPU whose machine a gdb gets that comes now. */
  focus(): VcpuRef | null;
  /** Lets time flow towards a goal. */
  run(goal: Goal): void;
  /** Stops time; a search backwards is given up. */
  pause(): void;
  /** The page is to see what has changed. */
  changed(): void;
}

/** Commands that would run a machine, or change one, under gdb's feet. */
const GDBS: ReadonlySet<CommandKind> = new Set<CommandKind>([
  'open',
  'vm',
  'run',
  'step',
  'step-over',
  'step-out',
  'step-back-out',
  'step-back',
  'step-back-over',
  'run-to',
  'run-back-to',
  'run-back',
  'who-wrote',
  'seek',
  'take-branch',
  'run-to-exit',
  'edit',
]);

interface Attached {
  readonly debuggee: LabDebuggee;
  readonly session: Session;
}

const OFF: GdbView = { state: 'off', port: null, vm: null, trouble: null };

export class GdbLink {
  readonly #around: LinkSurroundings;
  #line: BridgeLine | undefined;
  #attached: Attached | undefined;
  #view: GdbView = OFF;

  constructor(around: LinkSurroundings) {
    this.#around = around;
  }

  get view(): GdbView {
    return this.#view;
  }

  /** Throws a `Refusal` when there is a line already, or the key is none. How it goes on, `view` says. */
  connect(text: string): void {
    if (this.#line !== undefined)
      throw new Refusal('A bridge to gdb is connected already.', null, 'Disconnect it first.');
    const key = parseBridgeKey(text);
    if (key === undefined)
      throw new Refusal(
        'This is no key of a bridge.',
        null,
        'Paste what `ringlab bridge` prints behind "key:".',
      );
    this.#view = { ...OFF, state: 'connecting' };
    this.#line = this.#open(key);
  }

  #open(key: BridgeKey): BridgeLine {
    const heard = (act: () => void): void => {
      act();
      this.#around.changed();
    };
    return this.#around.open(key, {
      news: (news) => heard(() => this.#hear(news)),
      bytes: (bytes) => heard(() => this.#receive(bytes)),
      lost: (why) => heard(() => this.#lost(why)),
    });
  }

  /** The user wants no gdb any more; the machine stays where it is. */
  disconnect(): void {
    this.#release();
    this.#line?.close();
    this.#line = undefined;
    this.#view = OFF;
  }

  /** Throws a `Refusal` for what is gdb's to do while it is there. */
  permit({ kind }: Command): void {
    if (this.#attached === undefined || !GDBS.has(kind)) return;
    throw new Refusal('gdb is connected: it runs the machine.', null, 'Use gdb, or disconnect it first.');
  }

  /** Why a run is to end, when it cannot get anywhere any more. */
  get end(): StopReason | null {
    const debuggee = this.#attached?.debuggee;
    return debuggee?.isUnderWay && debuggee.hasEnded ? { kind: 'gdb' } : null;
  }

  /** Time stands still now. */
  stopped(reason: StopReason): void {
    const { debuggee, session } = this.#attached ?? {};
    if (debuggee === undefined || session === undefined || !debuggee.isUnderWay) return;
    const first = debuggee.stopped(reason);
    if (first !== undefined) this.#begin(first);
    else session.slice();
  }

  #hear(news: BridgeNews): void {
    switch (news.kind) {
      case 'listening':
        this.#view = { ...OFF, state: 'waiting', port: news.port };
        break;
      case 'gdb-came':
        this.#attach();
        break;
      case 'gdb-left':
        this.#release();
        break;
    }
  }

  #attach(): void {
    const on = this.#around.focus();
    if (on === null) {
      this.#line?.hangUp();
      this.#view = { ...this.#view, trouble: 'gdb came while the lab had no machine for it.' };
      return;
    }
    this.#around.pause();
    const debuggee = new LabDebuggee(this.#around.lab, on, () => this.#around.pause());
    const send = (bytes: Uint8Array) => this.#line?.send(bytes);
    this.#attached = { debuggee, session: new Session(debuggee, send, { attached: true }) };
    this.#view = { ...this.#view, state: 'attached', vm: on.vm, trouble: null };
  }

  #receive(bytes: Uint8Array): void {
    if (this.#attached === undefined) return;
    const { session, debuggee } = this.#attached;
    session.receive(bytes);
    if (session.leave !== undefined) {
      this.#release();
      if (session.leave === 'detached') this.#begin({ kind: 'free' });
      return;
    }
    const goal = debuggee.takeGoal();
    if (goal !== undefined) this.#begin(goal);
  }

  /** What the lab refuses to do ends before it has begun, and gdb is told. */
  #begin(goal: Goal): void {
    try {
      this.#around.run(goal);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.stopped({ kind: 'unmodelled', text: error.message });
    }
  }

  #lost(why: string): void {
    this.#release();
    this.#line = undefined;
    const text = why === '' ? UNREACHABLE : `The bridge has closed the line: ${why}.`;
    this.#view = { ...OFF, trouble: text };
  }

  /** There is no gdb any more: a run that it has begun ends where it is. */
  #release(): void {
    if (this.#attached === undefined) return;
    const { debuggee, session } = this.#attached;
    this.#attached = undefined;
    if (debuggee.isUnderWay) this.#around.pause();
    session.close();
    debuggee.forget();
    this.#view = { ...this.#view, state: 'waiting', vm: null };
  }
}

const UNREACHABLE =
  'There is no line to the bridge. It has ended, or does not take this page: what it has printed says why.';
