import { create } from 'zustand';
import type {
  AssemblyResult,
  ProgramFormat,
  ProgramLibrary,
  ProgramLine,
  ProgramPlace,
  ProgramSource,
} from '../../../protocol/assembly.ts';
import type { FlatMode, VmId } from '../../../protocol/target.ts';

/** What is remembered across reloads. */
export interface ProgramSettings extends ProgramSource {
  /** How a flat image starts; null: as its first `bits` says. */
  readonly mode: FlatMode | null;
  /** Load address of a flat image; null: its origin. */
  readonly address: number | null;
  readonly stopAtEntry: boolean;
  readonly listing: boolean;
}

/** The machine that was started from the editor, with what it runs. */
export interface Started {
  readonly vm: VmId;
  readonly name: string;
  readonly text: string;
  readonly lines: readonly ProgramLine[];
}

interface Program {
  /** Null until there is a text: on the first visit the first example's. */
  readonly settings: ProgramSettings | null;
  readonly library: ProgramLibrary | null;
  /** Of the latest text that was assembled; null before. */
  readonly result: (AssemblyResult & { readonly of: ProgramSettings }) | null;
  readonly started: Started | null;
  /** The place in an included file that is shown instead of the program; null: the program. */
  readonly reading: ProgramPlace | null;
}

const KEY = 'ringlab.program';
const DEFAULTS = {
  name: 'program.asm',
  format: 'bin' as ProgramFormat,
  mode: null,
  address: null,
  stopAtEntry: false,
  listing: true,
};

export const useProgram = create<Program>(() => ({
  settings: stored(),
  library: null,
  result: null,
  started: null,
  reading: null,
}));

useProgram.subscribe(({ settings }, before) => {
  if (settings === before.settings) return;
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Without storage the text lasts as long as the page.
  }
});

export function changeProgram(change: Partial<ProgramSettings>): void {
  useProgram.setState(({ settings }) => ({ settings: { ...DEFAULTS, text: '', ...settings, ...change } }));
}

/** Another source takes the place of the present one; how to load it follows from the source again. */
export function openSource(source: ProgramSource): void {
  useProgram.setState({ reading: null });
  changeProgram({ ...source, mode: null, address: null });
}

function stored(): ProgramSettings | null {
  try {
    const text = localStorage.getItem(KEY);
    return text === null
      ? null
      : { ...DEFAULTS, text: '', ...(JSON.parse(text) as Partial<ProgramSettings>) };
  } catch {
    return null;
  }
}
