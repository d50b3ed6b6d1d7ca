/**
 * A region to be compiled, as plain data that can go to another thread: its steps with copies of their
 * records, so that nothing of the computer's memory is needed any more.
 */
import type { CodeMode } from '../../isa/modes.ts';
import { RECORD } from '../state.ts';
import type { RegionPage } from './code-source.ts';
import { type Region, Step } from './region.ts';

export interface RegionJob {
  readonly mode: CodeMode;
  /** Its place in the table of regions. */
  readonly slot: number;
  /** As in `RegionOptions`. */
  readonly requestAfter: number;
  /** Three numbers a page, as in `RegionPage`: delta, physical, table. */
  readonly pages: Float64Array<ArrayBuffer>;
  /** `RECORD.SIZE` bytes a step. */
  readonly records: Uint8Array<ArrayBuffer>;
  /** `FIELDS` numbers a step, pages and other steps by their numbers. */
  readonly steps: Int32Array<ArrayBuffer>;
  /** Targets of indirect branches, three numbers each: of the step, position, number of the step there. */
  readonly targets: Int32Array<ArrayBuffer>;
}

const FIELDS = [
  ...(['entry', 'copy', 'apart', 'page', 'offset', 'length'] as const),
  ...(['next', 'taken', 'return', 'returns'] as const),
] as const;
const WIDTH = FIELDS.length;
/** For what a step does not have: no number of a step, no position of an instruction. */
const NONE = -0x8000_0000;

interface JobOptions {
  readonly mode: CodeMode;
  readonly slot: number;
  readonly requestAfter: number;
  copyOf(step: Step): number;
  isApart(step: Step): boolean;
}

/**
 * @param memory words where the records lie
 * @param copyOf address of a copy of the step's record that stays, or 0 where none is needed
 * @param isApart whether what the step accesses is looked up alone
 */
export function encodeJob(
  memory: Uint32Array,
  region: Region,
  { mode, slot, requestAfter, copyOf, isApart }: JobOptions,
): RegionJob {
  const { steps, pages } = region;
  const branches = steps.filter((step) => step.targets.length > 0);
  const places = branches.reduce((sum, { targets }) => sum + targets.length, 0);
  // Few buffers: each costs time where it is sent. What the records say is needed only there.
  const records = new Uint32Array((steps.length * RECORD.SIZE) / 4);
  const sizes = { pages: pages.length * 24, steps: steps.length * WIDTH * 4, targets: places * 12 };
  const buffer = new ArrayBuffer(sizes.pages + sizes.steps + sizes.targets);
  const flat = new Float64Array(buffer, 0, pages.length * 3);
  const fields = new Int32Array(buffer, sizes.pages, steps.length * WIDTH);
  const targets = new Int32Array(buffer, sizes.pages + sizes.steps, places * 3);

  for (const [i, { delta, physical, table }] of pages.entries()) flat.set([delta, physical, table], i * 3);
  let at = 0;
  let word = 0;
  for (const step of steps) {
    const from = step.record >> 2;
    for (let i = 0; i < RECORD.SIZE / 4; i++) records[word++] = memory[from + i];
    fields[at++] = step.entry;
    fields[at++] = copyOf(step);
    fields[at++] = Number(isApart(step));
    fields[at++] = pages.indexOf(step.page);
    fields[at++] = step.offset;
    fields[at++] = step.length;
    fields[at++] = step.next?.number ?? NONE;
    fields[at++] = step.taken?.number ?? NONE;
    fields[at++] = step.returnPosition ?? NONE;
    fields[at++] = step.returns?.number ?? NONE;
  }
  at = 0;
  for (const { number, targets: of } of branches) {
    for (const { position, step } of of) {
      targets[at++] = number;
      targets[at++] = position;
      targets[at++] = step.number;
    }
  }
  return {
    mode,
    slot,
    requestAfter,
    pages: flat,
    records: new Uint8Array(records.buffer),
    steps: fields,
    targets,
  };
}

/** The code of the job's steps, by their numbers: host-physical page number, offset in the page, bytes. */
export function codeOf({ steps, pages }: Pick<RegionJob, 'steps' | 'pages'>, number: number): CodeRange {
  const at = number * WIDTH;
  return { page: pages[3 * steps[at + 3] + 1], offset: steps[at + 4], length: steps[at + 5] };
}

/** Whether one of the records, as a page's table names them, is that of a step of the job. */
export function hasEntry({ steps }: Pick<RegionJob, 'steps'>, records: ReadonlySet<number>): boolean {
  for (let at = 0; at < steps.length; at += WIDTH) if (records.has(steps[at])) return true;
  return false;
}

export interface CodeRange {
  readonly page: number;
  readonly offset: number;
  readonly length: number;
}

/** How many steps a job has. */
export const stepsOf = ({ steps }: Pick<RegionJob, 'steps'>): number => steps.length / WIDTH;

/** The steps' shapes are those of the records, which `shapeAt` finds by their addresses in `job.records`. */
export function decodeJob(job: RegionJob, shapeAt: (record: number) => Step['shape'] | undefined): Region {
  const fields = job.steps;
  const pages: RegionPage[] = [];
  for (let i = 0; i < job.pages.length; i += 3) {
    const [delta, physical, table] = job.pages.subarray(i);
    pages.push({ delta, physical, table });
  }
  const steps = Array.from({ length: fields.length / WIDTH }, (_, i): Step => {
    const [entry, copy, apart, page, offset, length] = fields.subarray(i * WIDTH);
    const record = i * RECORD.SIZE;
    const shape = shapeAt(record);
    if (!shape) throw new Error(`step ${i} of a region has a record of no instruction`);
    return new Step({
      number: i,
      shape,
      record,
      entry,
      copy,
      apart: apart !== 0,
      page: pages[page],
      offset,
      length,
    });
  });
  steps.forEach((step, i) => {
    const [next, taken, returnPosition, returns] = fields.subarray(i * WIDTH + 6);
    if (next !== NONE) step.next = steps[next];
    if (taken !== NONE) step.taken = steps[taken];
    if (returnPosition !== NONE) step.returnPosition = returnPosition;
    if (returns !== NONE) step.returns = steps[returns];
  });
  for (let i = 0; i < job.targets.length; i += 3) {
    const [from, position, to] = job.targets.subarray(i);
    steps[from].targets = [...steps[from].targets, { position, step: steps[to] }];
  }
  return { steps, pages };
}
