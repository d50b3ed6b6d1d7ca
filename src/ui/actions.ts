import { command } from '../client/lab.ts';
import { useLab } from '../client/lab-store.ts';
import { say } from '../client/notices.ts';
import type { VcpuRef } from '../protocol/target.ts';
import type { BackTo } from '../protocol/timeline-view.ts';
import type { Written } from '../protocol/written.ts';
import { short } from './format.ts';
import { stepCount } from './timeline/step-count.ts';

/** What buttons and keys do. Each reads the present state itself, so it can be called from anywhere. */

export function isRunning(): boolean {
  return useLab.getState().views.machine?.running ?? false;
}

export function run(): void {
  void command({ kind: 'run' });
}

export function pause(): void {
  void command({ kind: 'pause' });
}

export function stepInto(): void {
  withFocus((on) => void command({ kind: 'step', on, count: stepCount() }));
}

/** One micro-operation, forwards or backwards. */
export function microStep(): void {
  withFocus((on) => void command({ kind: 'micro-step', on }));
}

export function microStepBack(): void {
  withFocus((on) => void command({ kind: 'micro-step-back', on }));
}

export function stepOver(): void {
  withFocus((on) => void command({ kind: 'step-over', on }));
}

export function stepOut(): void {
  withFocus((on) => void command({ kind: 'step-out', on }));
}

export function stepBackOut(): void {
  withFocus((on) => void command({ kind: 'step-back-out', on }));
}

export function stepBack(): void {
  withFocus((on) => void command({ kind: 'step-back', on, count: stepCount() }));
}

export function stepBackOver(): void {
  withFocus((on) => void command({ kind: 'step-back-over', on }));
}

export function runBack(to: BackTo): void {
  withFocus((on) => void command({ kind: 'run-back', on, to }));
}

/** Goes back to what wrote it last. @param of whose it is; absent: of the vCPU in focus */
export function whoWrote(what: Written, of?: VcpuRef): void {
  if (of !== undefined) void command({ kind: 'who-wrote', on: of, what });
  else withFocus((on) => void command({ kind: 'who-wrote', on, what }));
}

export function runToExit(): void {
  withFocus(({ vm }) => void command({ kind: 'run-to-exit', vm }));
}

/** To where the instruction at the address comes next, or came last. */
export function runTo(address: bigint, backwards = false): void {
  withFocus((on) => void command({ kind: backwards ? 'run-back-to' : 'run-to', on, address }));
}

export function focusOn(on: VcpuRef): void {
  void command({ kind: 'focus', on });
}

export async function toggleBreakpoint(address: bigint): Promise<void> {
  const { focus } = useLab.getState();
  if (focus === null) return;
  const set = await command({ kind: 'toggle-breakpoint', vm: focus.vm, address });
  if (set !== undefined) say(`Breakpoint ${set ? 'set at' : 'removed from'} ${short(address)}.`);
}

export function setTier2(on: boolean): void {
  void command({ kind: 'tier2', mode: on ? 'on' : 'off' });
  say(on ? 'Second tier on: hot code is compiled.' : 'Second tier off: all code is interpreted.');
}

/** The breakpoint key works on the instruction that runs next. */
export function toggleBreakpointAtRip(): void {
  const code = useLab.getState().views.code;
  if (code) void toggleBreakpoint(code.rip);
}

function withFocus(act: (on: VcpuRef) => void): void {
  const { focus } = useLab.getState();
  if (focus !== null) act(focus);
}
