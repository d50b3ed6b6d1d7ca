import kernel from 'virtual:guest/kernel';
import interpreterUrl from 'virtual:interpreter';
import { provideInterpreter } from '../cpu/engine.ts';
import { provideRegionCompiler } from '../cpu/regions/compiler.ts';
import type { GuestDescription } from '../protocol/target.ts';
import { compilerIn } from './compiler.ts';
import type { Lab } from './lab.ts';
import { Ringlab } from './machines/ringlab.ts';

const MIB = 1024 * 1024;

/**
 * The lab as the page opens: our small kernel twice, once with devices only, once with hypercalls.
 * `onChange` is called when views that were not available have become so.
 */
export async function createLab(onChange: () => void): Promise<Lab> {
  if (interpreterUrl !== null) {
    const file = await fetch(interpreterUrl);
    provideInterpreter(await WebAssembly.compile(await file.arrayBuffer()));
  }
  const thread = new Worker(new URL('./compiler-thread.ts', import.meta.url), { type: 'module' });
  provideRegionCompiler(compilerIn(thread));
  const lab = new Ringlab({ memory: 1024 * MIB, cpus: 1 });
  const bytes = Uint8Array.from(atob(kernel), (character) => character.charCodeAt(0));
  const guest = (name: string): GuestDescription => ({
    name,
    technique: 'vtx-ept',
    kernel: { name: 'kernel', bytes },
    initrd: null,
    commandLine: '',
    memory: 16 * MIB,
    cpus: 1,
    flat: null,
  });
  lab.open(guest('small kernel, devices'), true);
  lab.open(guest('small kernel, hypercalls'));
  void import('./views/disassembler.ts').then((disassembler) => {
    lab.useDisassembler(disassembler);
    onChange();
  });
  return lab;
}
