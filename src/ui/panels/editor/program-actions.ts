import { command } from '../../../client/lab.ts';
import { useLab } from '../../../client/lab-store.ts';
import { say } from '../../../client/notices.ts';
import type { AssembledProgram } from '../../../protocol/assembly.ts';
import type { GuestDescription, Technique, VmId } from '../../../protocol/target.ts';
import { short } from '../../format.ts';
import { lineWithCode, piecesByLine } from './line-map.ts';
import { openSource, type ProgramSettings, useProgram } from './program-store.ts';

const MEMORY = 16 * 1024 * 1024;

/** Assembles the present text. A newer text makes the answer void; undefined then. */
export async function assembleNow(): Promise<AssembledProgram | null | undefined> {
  const { settings } = useProgram.getState();
  if (settings === null) return undefined;
  const { name, text, format } = settings;
  const result = await command({ kind: 'assemble', source: { name, text, format } });
  const now = useProgram.getState().settings;
  if (result === undefined || now?.text !== text || now.format !== format || now.name !== name)
    return undefined;
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
 * started before. Answers whether it runs.
 */
export async function start(technique: Technique, breakpoints: readonly number[]): Promise<boolean> {
  const { settings } = useProgram.getState();
  const program = await assembleNow();
  if (settings === null || !program) {
    say('The program has errors; it was not started.');
    return false;
  }
  const stops = settings.stopAtEntry || breakpoints.length > 0;
  const vm = await command({ kind: 'open', guest: guest(settings, program, technique), paused: stops });
  if (vm === undefined) return false;
  const before = useProgram.getState().started;
  const { name, text } = settings;
  useProgram.setState({ started: { vm, name, text, lines: program.lines } });
  if (before !== null && isListed(before.vm)) await command({ kind: 'vm', vm: before.vm, action: 'destroy' });
  const pieces = piecesByLine(program.lines, name);
  for (const line of breakpoints) {
    const address = pieces.get(lineWithCode(pieces, line) ?? line)?.address;
    if (address !== undefined) await command({ kind: 'toggle-breakpoint', vm, address });
  }
  if (stops && !settings.stopAtEntry) await command({ kind: 'run' });
  say(`${name} is ${settings.stopAtEntry ? `stopped at its entry, ${short(program.entry)}` : 'running'}.`);
  return true;
}

/** The same breakpoint on the machine that was started; `line` is one of the started text. */
export async function toggleOnMachine(line: number): Promise<void> {
  const { started } = useProgram.getState();
  if (started === null || !isListed(started.vm)) return;
  const address = piecesByLine(started.lines, started.name).get(line)?.address;
  if (address !== undefined) await command({ kind: 'toggle-breakpoint', vm: started.vm, address });
}
