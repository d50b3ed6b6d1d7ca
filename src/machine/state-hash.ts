/**
 * A fingerprint of everything that decides how a computer goes on: processors, RAM, devices, time,
 * journal. Not in it: what is derived or only makes things faster (translation look-aside buffers,
 * decoded code, workspace of the generated code, lazily evaluated flags), so that two runs that are
 * cut into slices differently have the same one.
 */
import type { Processor } from '../cpu/processor.ts';
import { LAYOUT, STATE, TLB } from '../cpu/state.ts';
import type { Computer } from './computer.ts';
import { hashText, hashWords } from './hash.ts';

/** Fields of a CPU block by which processors differ: first byte, and the byte behind the last. */
export const PROCESSOR_FIELDS: readonly (readonly [from: number, to: number])[] = [
  [STATE.GPR, STATE.ZERO],
  [STATE.RIP, STATE.RIP + 8],
  [STATE.CPL, STATE.CPL + 4],
  [STATE.XMM, STATE.MXCSR + 4],
  [STATE.SEGMENTS, STATE.PDPTE + 32],
  // Control registers, MSRs, VMX.
  [STATE.CR0, TLB.OFFSET],
];

/** Hash of each part, 16 hexadecimal digits; a difference says where to look. */
export type StateParts = Readonly<Record<string, string>>;

export function stateParts(computer: Computer): StateParts {
  const { board, journal, memory, options, processors } = computer;
  const parts: Record<string, string> = {};
  for (const p of processors) parts[`processor ${p.index}`] = hashText(fieldsOf(p, memory));
  parts.ram = hashWords(new Uint32Array(memory.buffer, LAYOUT.RAM, options.ramBytes / 4));
  for (const [name, state] of Object.entries(board.save())) parts[name] = hashText(JSON.stringify(state));
  parts.schedule = hashText(JSON.stringify(computer.schedule));
  for (const [name, state] of computer.saveParts()) parts[name] = hashText(JSON.stringify(state ?? null));
  parts.journal = hashText(JSON.stringify(journal.past));
  return parts;
}

/** Hash of all state: 16 hexadecimal digits. */
export const stateHash = (computer: Computer): string => hashText(JSON.stringify(stateParts(computer)));

function fieldsOf(p: Processor, memory: WebAssembly.Memory): string {
  const fields = PROCESSOR_FIELDS.map(([from, to]) =>
    hashWords(new Uint32Array(memory.buffer, p.regs.base + from, (to - from) / 4)),
  );
  return JSON.stringify([fields, p.regs.rflags, p.now(), p.instructions, p.idleCycles, p.pendingSignals]);
}
