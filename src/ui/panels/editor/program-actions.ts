import { command } from '../../../client/lab.ts';
import { useLab } from '../../../client/lab-store.ts';
import { say } from '../../../client/notices.ts';
import type { AssembledProgram } from '../../../protocol/assembly.ts';
import type { GuestDescription, Technique, VcpuRef, VmId } from '../../../protocol/target.ts';
import { short } from '../../format.ts';
import { insideLines, lineWithCode, piecesByLine, stopsByLine } from './line-map.ts';
import { openSource, type ProgramSettings, type Started, useProgram } from './program-store.ts';

const MEMORY = 16 * 1024 * 1024;

/** Assembles the present text. A newer text makes the answer void; undefined then. */
export async function assembleNow(): Promise<AssembledProgram | null | undefined> {
  const { settings } = useProgram.getState();
  if (settings === null) return undefined;
  const { name, text, format } = settings;
  const result = await command({ kind: 'assemble', source: { name, text, format } });
  const now = useProgram.getState().settings;
  if (!result || now?.text !== text || now.format !== format || now.name !== name) return undefined;
  useProgram.setState({ result: { ...result, of: settings } });
  return result.program;
}

/** Fetches examples and headers; on the first visit the editor starts with the boot sector. */
export async function loadLibrary(): Promise<void> {
  const library = await command({ kind: 'programs' });
  if (library === undefined) return;
  useProgram.setState({ library });
  const first = library.examples.find(({ source }) => source.name === 'boot-sector.asm');
  if (useProgram.getState().settings === null && first !== undefined) openSource(first.source);
}

function guest(settings: ProgramSettings, program: AssembledProgram, technique: Technique): GuestDescription {
  const { name, mode, address } = settings;
  const { flat, image, wantsAmdV } = program;
  return {
    name,
    technique: technique === 'bare' && wantsAmdV ? 'bare-amd-v' : technique,
    kernel: { name, bytes: image },
    initrd: null,
    commandLine: '',
    memory: MEMORY,
    cpus: 1,
    flat: flat && { address: address ?? flat.address, mode: mode ?? flat.mode },
  };
}

const isListed = (vm: VmId) => useLab.getState().views.vms?.some(({ id }) => id === vm) ?? false;

/**
 * Starts the present text on a new machine, with breakpoints at the given lines, in place of the one that was
 * started before. Answers whether it runs; `onStarted` comes before the page hears of it.
 */
export async function start(
  technique: Technique,
  breakpoints: readonly number[],
  onStarted: () => void,
): Promise<boolean> {
  const { settings } = useProgram.getState();
  const program = await assembleNow();
  if (settings === null || !program) {
    say(`The program ${program === null ? 'has errors' : 'was changed meanwhile'}; it was not started.`);
    return false;
  }
  const stops = settings.stopAtEntry || breakpoints.length > 0;
  const description = guest(settings, program, technique);
  const vm = await command({ kind: 'open', guest: description, paused: stops });
  if (vm === undefined) return false;
  const before = useProgram.getState().started;
  const { name, text } = settings;
  if (before !== null && isListed(before.vm)) await command({ kind: 'vm', vm: before.vm, action: 'destroy' });
  const pieces = piecesByLine(program.lines, name);
  for (const line of breakpoints) {
    const address = pieces.get(lineWithCode(pieces, line) ?? line)?.address;
    if (address !== undefined) await command({ kind: 'toggle-breakpoint', vm, address });
  }
  onStarted();
  useProgram.setState({ started: { vm, name, text, lines: program.lines } });
  const entry = description.flat === null ? program.entry : BigInt(description.flat.address);
  if (stops && !settings.stopAtEntry) await command({ kind: 'run' });
  // A virtual machine has registers once the hypervisor enters it: right before its first instruction.
  else if (stops && technique === 'vtx-ept')
    await command({ kind: 'run-to', on: { vm, vcpu: 0 }, address: entry });
  say(`${name} is ${settings.stopAtEntry ? `stopped at its entry, ${short(entry)}` : 'running'}.`);
  return true;
}

/** The machine that was started here, while it is there. */
function present(): Started | null {
  const { started } = useProgram.getState();
  return started !== null && isListed(started.vm) ? started : null;
}

/**
 * Sets or removes the breakpoint of a line of the started text, in the list of stops. Answers whether it is set
 * now; undefined where the list has no such place.
 */
export async function toggleStop(line: number): Promise<boolean | undefined> {
  const started = present();
  if (started === null) return undefined;
  const address = piecesByLine(started.lines, started.name).get(line)?.address;
  if (address === undefined) return undefined;
  const set = stopsByLine(useLab.getState().views.stops ?? [], started).get(line) ?? [];
  for (const { id } of set) await command({ kind: 'remove-stop', stop: id });
  if (set.length > 0) return false;
  return command({ kind: 'toggle-breakpoint', vm: started.vm, address });
}

/** The vCPU that steps from the editor are of. */
function stepped({ vm }: Started): VcpuRef {
  const { focus } = useLab.getState();
  return focus?.vm === vm ? focus : { vm, vcpu: 0 };
}

const NOT_STARTED = 'No program of the editor is running: start it first.';

/** Runs until the started program comes to a line of its text, or back to where it was there last. */
export function runToLine(line: number | undefined, backwards: boolean): void {
  const started = present();
  const address = started && piecesByLine(started.lines, started.name).get(line ?? 0)?.address;
  if (started === null) say(NOT_STARTED);
  else if (address === undefined || address === null) say('This line has no code in the program that runs.');
  else void command({ kind: backwards ? 'run-back-to' : 'run-to', on: stepped(started), address });
}

/** To the next line of the source, or back to the beginning of the previous one; calls are taken at a stroke. */
export function stepLine(backwards: boolean): void {
  const started = present();
  if (started === null) {
    say(NOT_STARTED);
    return;
  }
  const until = insideLines(started.lines);
  void command({ kind: backwards ? 'step-back-over' : 'step-over', on: stepped(started), until });
}
