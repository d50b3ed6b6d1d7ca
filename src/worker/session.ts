import type { Command, ProgramCommand } from '../protocol/commands.ts';
import type { MachineView, StopReason } from '../protocol/machine-view.ts';
import type { ToPage, ToWorker, ViewName } from '../protocol/messages.ts';
import type { VcpuRef } from '../protocol/target.ts';
import { markChanges, type RegisterValues, valuesOf } from './changes.ts';
import type { OpenBridge } from './debuggee/bridge-line.ts';
import { GdbLink } from './debuggee/gdb-link.ts';
import type { Goal, Lab } from './lab.ts';
import { MemoryChanges } from './memory-changes.ts';
import { IdlePace, PIECES, PieceSize, SLICE_MS, Speedometer } from './pace.ts';
import type { ProgramQueue } from './program-queue.ts';
import { Publisher } from './publisher.ts';
import { Refusal, toCommandError } from './refusal.ts';
import { ShownValues } from './shown-values.ts';

/** The session's surroundings, so that tests can bring their own clock and scheduler. */
export interface Host {
  post(message: ToPage): void;
  /** Wall-clock milliseconds. */
  now(): number;
  /** Calls `task` after `ms` (0: as soon as waiting messages have been read); returns a canceller. */
  after(ms: number, task: () => void): () => void;
  /** Answers about programs, beside the machines. */
  readonly programs: ProgramQueue;
  /** Opens a line to `ringlab bridge`. */
  readonly bridge: OpenBridge;
}

/** Views whose changes are told by what was shown at the last stop. */
const MARKED: ReadonlySet<ViewName> = new Set(['memory', 'stack', 'system', 'vectors']);

/** Idle simulated time that one slice may skip, in seconds. */
const IDLE_PER_SLICE = 0.016;

/**
 * Holds the lab for the page: obeys commands, runs the machine in slices, and publishes views.
 * The only place that knows both simulated and wall-clock time.
 */
export class Session {
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #publisher = new Publisher();
  readonly #size = new PieceSize();
  readonly #idle = new IdlePace();
  readonly #speed = new Speedometer();
  #running = false;
  #stop: StopReason = { kind: 'not-started' };
  #focus: VcpuRef | null = null;
  /** Registers per vCPU when the machine last stood still: what `changed` compares with. */
  #before = new Map<string, RegisterValues>();
  readonly #memory = new MemoryChanges();
  readonly #values = new ShownValues();
  readonly #gdb: GdbLink;
  #cancel: (() => void) | null = null;
  /** Defects that the page has heard of, by view. */
  readonly #toldOf = new Map<ViewName, string>();

  constructor(lab: Lab, host: Host) {
    this.#lab = lab;
    this.#host = host;
    this.#gdb = new GdbLink({
      lab,
      open: host.bridge,
      focus: () => this.#focus,
      run: (goal) => this.run(goal),
      pause: () => this.#pause({ kind: 'gdb' }),
      changed: () => this.refresh(),
    });
    this.#focusOnFirst();
    host.post({ type: 'ready' });
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'watch':
        this.#publisher.setWatch(message.watch);
        break;
      case 'drawn':
        this.#publisher.drawn(message.sequence);
        break;
      case 'command':
        this.#obey(message.id, message.command);
        break;
    }
    this.#publish();
  }

  /** Something about the lab has changed by itself: all views are due. */
  refresh(): void {
    this.#publisher.invalidate();
    this.#publish();
  }

  /** Lets simulated time flow towards a goal. */
  run(goal: Goal): void {
    this.#rememberRegisters();
    this.#lab.aim(goal);
    if (!this.#running) this.#speed.start(this.#host.now());
    this.#running = true;
    this.#publisher.invalidate();
    // A step is nearly always done within its first slice: the page never sees it under way.
    if (goal.kind === 'free') this.#schedule(0);
    else this.#guardedSlice();
  }

  #focusOnFirst(): void {
    const first = this.#lab.vms()[0];
    this.#focus = first === undefined ? null : { vm: first.id, vcpu: 0 };
  }

  /** Time stands still; a search of the past is given up. */
  #pause(stop: StopReason): void {
    this.#lab.aim({ kind: 'free' });
    this.#halt(stop);
  }

  /** A machine can run again: time flows if it stood still only because nothing could. */
  #goOn(): void {
    if (!this.#running && this.#stop.kind === 'nothing-to-run') this.run({ kind: 'free' });
  }

  #obey(id: number, command: Command): void {
    if (command.kind === 'assemble' || command.kind === 'programs') {
      void this.#askAbout(id, command);
      return;
    }
    try {
      const result = this.#execute(command);
      this.#host.post({ type: 'done', id, result });
    } catch (error) {
      this.#host.post({ type: 'refused', id, error: toCommandError(error) });
    }
    this.#publisher.invalidate();
  }

  /** The machines go on meanwhile. */
  async #askAbout(id: number, command: ProgramCommand): Promise<void> {
    try {
      const result = await this.#host.programs.ask(command);
      this.#host.post({ type: 'done', id, result });
    } catch (error) {
      this.#host.post({ type: 'refused', id, error: toCommandError(error) });
    }
  }

  #execute(command: Exclude<Command, ProgramCommand>): unknown {
    this.#gdb.permit(command);
    switch (command.kind) {
      case 'open': {
        const vm = this.#lab.open(command.guest);
        this.#focus = { vm, vcpu: 0 };
        if (command.paused) this.#halt({ kind: 'paused-by-user' });
        else this.run({ kind: 'free' });
        return vm;
      }
      case 'vm':
        this.#lab.control(command.vm, command.action);
        if (command.action === 'destroy' && this.#focus?.vm === command.vm) this.#focusOnFirst();
        if (command.action === 'resume' || command.action === 'reset') this.#goOn();
        return null;
      case 'run':
        this.run({ kind: 'free' });
        return null;
      case 'pause':
        if (this.#running) this.#pause({ kind: 'paused-by-user' });
        return null;
      case 'step':
      case 'step-over':
      case 'micro-step':
      case 'micro-step-back':
      case 'step-back':
      case 'step-back-over':
        // A key that is held down asks for them again and again.
        if (this.#machine().steps === null) this.run(command);
        return null;
      case 'run-back':
      case 'who-wrote':
      case 'run-to':
      case 'run-back-to':
      case 'step-out':
      case 'step-back-out':
        this.run(command);
        return null;
      case 'seek':
        this.#lab.seek(command.on, command.position);
        this.#halt({ kind: 'sought' });
        return null;
      case 'take-branch':
        this.#lab.takeBranch(command.on, command.branch);
        this.#halt({ kind: 'sought' });
        return null;
      case 'drop-branch':
        this.#lab.dropBranch(command.on, command.branch);
        return null;
      case 'history-budget':
        this.#lab.setHistoryBudget(command.bytes);
        return null;
      case 'run-to-exit':
        this.run({ kind: 'vm-exit', vm: command.vm });
        return null;
      case 'toggle-breakpoint':
        return this.#lab.toggleBreakpoint(command.vm, command.address);
      case 'add-stop':
        return this.#lab.addStop(command.settings);
      case 'change-stop':
        this.#lab.changeStop(command.stop, command.settings);
        return null;
      case 'remove-stop':
        this.#lab.removeStop(command.stop);
        return null;
      case 'console-input':
        this.#lab.consoleInput(command.vm, command.bytes);
        if (this.#running) this.#schedule(0);
        return null;
      case 'focus':
        this.#focus = command.on;
        return null;
      case 'edit':
        if (this.#running)
          throw new Refusal(
            'The machine is running.',
            null,
            'Pause it before you change registers or memory.',
          );
        this.#lab.edit(command.edit);
        return null;
      case 'state-hash':
        if (this.#running)
          throw new Refusal('The machine is running.', null, 'Pause it before you ask for its state.');
        return this.#lab.stateHash(command.on);
      case 'tier2':
        this.#lab.setTier2(command.mode);
        return null;
      case 'connect-gdb':
        this.#gdb.connect(command.key);
        return null;
      case 'disconnect-gdb':
        this.#gdb.disconnect();
        return null;
    }
  }

  #slice(): void {
    const started = this.#host.now();
    const idleLimit = this.#lab.machine().hz * IDLE_PER_SLICE;
    let stop: StopReason | null = null;
    let idle = 0;
    let now = started;
    const mayGoOn = () => stop === null && idle < idleLimit && now - started < SLICE_MS;
    for (let piece = 0; piece === 0 || (piece < PIECES && mayGoOn()); piece++) {
      const { instructions } = this.#size;
      const outcome = this.#lab.slice({ instructions, cycles: instructions * 4 + idleLimit });
      const ended = this.#host.now();
      this.#size.learn(outcome.instructions, ended - now);
      this.#speed.add(outcome.instructions, ended);
      idle += outcome.idleCycles;
      stop = outcome.stop;
      now = ended;
    }
    stop ??= this.#gdb.end;
    if (stop !== null) this.#halt(stop);
    else this.#schedule(this.#idle.rest((idle * 1000 * IDLE_PER_SLICE) / idleLimit, now - started));
  }

  /** A defect below stops the machine and is shown; the views stay usable. A refusal answers the command. */
  #guardedSlice(): void {
    try {
      this.#slice();
    } catch (error) {
      if (error instanceof Refusal) {
        this.#halt({ kind: 'paused-by-user' });
        throw error;
      }
      this.#halt({ kind: 'unmodelled', text: error instanceof Error ? error.message : String(error) });
    }
  }

  #schedule(ms: number): void {
    this.#cancel?.();
    this.#cancel = this.#host.after(ms, () => {
      this.#cancel = null;
      this.#idle.slept(ms);
      this.#guardedSlice();
      this.#publish();
    });
  }

  #halt(stop: StopReason): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#running = false;
    this.#stop = stop;
    this.#speed.stop();
    // The page follows the vCPU that stopped.
    if ('on' in stop && stop.on !== null) this.#focus = stop.on;
    this.#publisher.invalidate();
    this.#gdb.stopped(stop);
  }

  #publish(): void {
    this.#publisher.addConsole(this.#lab.takeConsoleOutput());
    const view = (name: ViewName) => this.#view(name);
    const snapshot = this.#publisher.next(
      this.#host.now(),
      this.#lab.now(),
      this.#focus,
      view,
      this.#running,
    );
    if (snapshot !== undefined) this.#host.post({ type: 'snapshot', snapshot });
  }

  /** A defect in a view leaves it empty, and is told of once. */
  #view(name: ViewName): unknown {
    try {
      return this.#compute(name);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (this.#toldOf.get(name) !== text) {
        this.#toldOf.set(name, text);
        const what = `The view "${name}" could not be made: ${text}.`;
        this.#host.post({ type: 'trouble', error: { what, where: null, remedy: null } });
      }
      return null;
    }
  }

  #compute(name: ViewName): unknown {
    const lab = this.#lab;
    const { walkAddress, codeAddress, codeLines, region, memory, instruction } = this.#publisher.watch;
    const on = this.#focus;
    switch (name) {
      case 'machine':
        return this.#machine();
      case 'registers':
        return on === null ? null : this.#registers(on);
      case 'code':
        return on === null ? null : lab.code(on, codeAddress, codeLines);
      case 'walk':
        return on === null ? null : lab.walk(on, walkAddress);
      case 'micro':
        return on === null ? null : lab.micro(on);
      case 'memory': {
        const view = on === null ? null : lab.memory(on, memory);
        return view === null || this.#running ? view : this.#memory.mark(view);
      }
      case 'descriptors':
        return on === null ? null : lab.descriptors(on);
      case 'devices':
        return on === null ? null : lab.devices(on);
      case 'instruction':
        return on === null ? null : lab.instruction(on, instruction);
      case 'stack': {
        const view = on === null ? null : lab.stack(on);
        return !view || this.#running ? view : this.#values.markStack(view);
      }
      case 'system': {
        const view = on === null ? null : lab.system(on);
        return view === null || this.#running ? view : this.#values.markSystem(view);
      }
      case 'vectors': {
        const view = on === null ? null : lab.vectors(on);
        return view === null || this.#running ? view : this.#values.markVectors(view);
      }
      case 'tiers':
        return lab.tiers(on);
      case 'timeline':
        return lab.timeline(on);
      case 'gdb':
        return this.#gdb.view;
      case 'region':
        return region === null ? null : lab.region(on, region);
      case 'vms':
      case 'rings':
      case 'stops':
      case 'scheduler':
      case 'exits':
      case 'frames':
        return lab[name]();
    }
  }

  #machine(): MachineView {
    const machine = this.#lab.machine();
    return {
      ...machine,
      running: this.#running,
      stop: this.#running ? null : this.#stop,
      steps: this.#running ? machine.steps : null,
      speed: this.#speed.perSecond,
    };
  }

  #registers(on: VcpuRef) {
    const view = this.#lab.registers(on);
    return view === null || this.#running ? view : markChanges(view, this.#before.get(`${on.vm}/${on.vcpu}`));
  }

  #rememberRegisters(): void {
    if (this.#running) return;
    // As they are now, for those that are shown.
    for (const name of this.#publisher.watch.views) if (MARKED.has(name)) this.#view(name);
    this.#memory.remember();
    this.#values.remember();
    this.#before = new Map();
    for (const vm of this.#lab.vms()) {
      for (let vcpu = 0; vcpu < vm.vcpus; vcpu++) {
        const view = this.#lab.registers({ vm: vm.id, vcpu });
        if (view !== null) this.#before.set(`${vm.id}/${vcpu}`, valuesOf(view));
      }
    }
  }
}
