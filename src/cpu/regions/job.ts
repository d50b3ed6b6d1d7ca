/**
 * A region to be compiled, as plain data that can go to another thread: its steps with copies of their
 * records, so that nothing of the computer's memory is needed any more.
 */
import type { CodeMode } from '../../isa/modes.ts';
import { RECORD } from '../state.ts';
import type { RegionPage } from './code-source.ts';
import type { Region, Step } from './region.ts';

export interface RegionJob {
  readonly mode: CodeMode;
  /** Its place in the table of regions. */
  readonly slot: number;
  /** Three numbers a page, as in `RegionPage`: delta, physical, table. */
  readonly pages: Float64Array<ArrayBuffer>;
  /** `RECORD.SIZE` bytes a step. */
  readonly records: Uint8Array<ArrayBuffer>;
  /** `FIELDS` numbers a step; other steps stand by their numbers. */
  readonly steps: Int32Array<ArrayBuffer>;
  /** Targets of indirect branches, three numbers each: of the step, position, number of the step there. */
  readonly targets: Int32Array<ArrayBuffer>;
}

const FIELDS = ['entry', 'copy', 'page', 'offset', 'length', 'next', 'taken', 'return', 'returns'] as const;
const WIDTH = FIELDS.length;
/** For what a step does not have: no number of a step, no position of an instruction. */
const NONE = -0x8000_0000;

/**
 * @param memory where the records lie
 * @param copyOf address of a copy of the step's record that stays, or 0 where none is needed
 */
export function encodeJob(
  memory: Uint8Array,
  region: Region,
  { mode, slot, copyOf }: { mode: CodeMode; slot: number; copyOf: (step: Step) => number },
): RegionJob {
  const { steps, pages } = region;
  const numbers = new Map(steps.map((step, i) => [step, i]));
  const numberOf = (step: Step | undefined) => (step === undefined ? NONE : (numbers.get(step) ?? NONE));
  const records = new Uint8Array(steps.length * RECORD.SIZE);
  const fields = new Int32Array(steps.length * WIDTH);
  let at = 0;
  for (const [i, step] of steps.entries()) {
    records.set(memory.subarray(step.record, step.record + RECORD.SIZE), i * RECORD.SIZE);
    fields[at++] = step.entry;
    fields[at++] = copyOf(step);
    fields[at++] = pages.indexOf(step.page);
    fields[at++] = step.offset;
    fields[at++] = step.length;
    fields[at++] = numberOf(step.next);
    fields[at++] = numberOf(step.taken);
    fields[at++] = step.returnPosition ?? NONE;
    fields[at++] = numberOf(step.returns);
  }
  const flat = Float64Array.from(pages.flatMap(({ delta, physical, table }) => [delta, physical, table]));
  const targets = steps.flatMap((step, i) =>
    step.targets.flatMap((target) => [i, target.position, numberOf(target.step)]),
  );
  return { mode, slot, pages: flat, records, steps: fields, targets: Int32Array.from(targets) };
}

/** The steps' shapes are those of the records, which `shapeAt` finds by their addresses in `job.records`. */
export function decodeJob(job: RegionJob, shapeAt: (record: number) => Step['shape'] | undefined): Region {
  const fields = job.steps;
  const pages: RegionPage[] = [];
  for (let i = 0; i < job.pages.length; i += 3) {
    const [delta, physical, table] = job.pages.subarray(i);
    pages.push({ delta, physical, table });
  }
  const steps = Array.from({ length: fields.length / WIDTH }, (_, i): Step => {
    const [entry, copy, page, offset, length] = fields.subarray(i * WIDTH);
    const record = i * RECORD.SIZE;
    const shape = shapeAt(record);
    if (!shape) throw new Error(`step ${i} of a region has a record of no instruction`);
    return { shape, record, entry, copy, page: pages[page], offset, length, targets: [] };
  });
  steps.forEach((step, i) => {
    const [next, taken, returnPosition, returns] = fields.subarray(i * WIDTH + 5);
    if (next !== NONE) step.next = steps[next];
    if (taken !== NONE) step.taken = steps[taken];
    if (returnPosition !== NONE) step.returnPosition = returnPosition;
    if (returns !== NONE) step.returns = steps[returns];
  });
  for (let i = 0; i < job.targets.length; i += 3) {
    const [from, position, to] = job.targets.subarray(i);
    steps[from].targets.push({ position, step: steps[to] });
  }
  return { steps, pages };
}
