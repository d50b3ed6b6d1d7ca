/** What the region compiler reads: decoded records, and the pages around the one where a region begins. */
import { hasAttribute, parseOperands } from '../../isa/operands.ts';
import { counterAddress } from '../generator/branch.ts';
import { HANDLER, type HandlerPlan, type PlannedForm } from '../generator/handlers.ts';
import { RECORD, TARGETS } from '../state.ts';

/** How control leaves an instruction. */
export type Flow =
  /** To the next instruction. */
  | 'next'
  /** To the next one or to the relative target. */
  | 'branch'
  /** To the relative target. */
  | 'jump'
  | 'call'
  /** To an address that is known only at run time. */
  | 'indirect'
  | 'return'
  /** A string instruction: to itself again or to the next one. */
  | 'repeat'
  /** A system operation that does not come back. */
  | 'end';

/** What the compiler needs to know of a form; system operations have no form. */
export interface Shape {
  readonly form: PlannedForm | undefined;
  readonly flow: Flow;
  /** Executed by its handler in the interpreter, with all registers in the CPU block. */
  readonly spilled: boolean;
}

/** A code page that a region may use. */
export interface RegionPage {
  /** Linear address less that of the page where the region begins, in bytes. */
  readonly delta: number;
  /** Host-physical page number. */
  readonly physical: number;
  /** Its record table. */
  readonly table: number;
}

/** Finds pages by the execute TLB of the processor that asks for the region, without any effect on it. */
export type FindPage = (delta: number) => Omit<RegionPage, 'delta'> | undefined;

const NO_RETURN: readonly string[] = [
  'iret',
  'sysret',
  'sysexit',
  'syscall',
  'sysenter',
  'undefined',
  'too-long',
];

export class CodeSource {
  private readonly u16: Uint16Array;
  private readonly u32: Uint32Array;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  private readonly shapes: Shapes;

  /** @param memory in which the addresses of records count: the computer's, or that of a job's copies */
  constructor(memory: ArrayBuffer, plan: HandlerPlan) {
    this.u16 = new Uint16Array(memory);
    this.u32 = new Uint32Array(memory);
    this.i32 = new Int32Array(memory);
    this.u8 = new Uint8Array(memory);
    this.shapes = shapesOf(plan);
  }

  /** The record at an offset of a page; 0: not decoded. */
  recordAt(table: number, offset: number): number {
    return this.u32[(table >> 2) + offset];
  }

  /** The record that describes the instruction: where a region begins, the copy. */
  described(record: number): number {
    return this.handler(record) === HANDLER.REGION ? this.u32[(record + RECORD.IMMEDIATE) >> 2] : record;
  }

  shape(record: number): Shape | undefined {
    const handler = this.handler(record);
    const link = this.u32[(record + RECORD.LINK) >> 2];
    if (handler === HANDLER.OUTLINED) return this.shapes.outlined[link];
    if (handler === HANDLER.SYSTEM) return this.shapes.system[link];
    return this.shapes.inline[handler - HANDLER.FIRST_INLINE];
  }

  /** Lower halves of the instruction pointers that an indirect branch has led to of late, as far as is known. */
  targetsOf(record: number): number[] {
    const targets: number[] = [];
    const end = TARGETS.AT + TARGETS.ENTRIES * TARGETS.ENTRY_SIZE;
    for (let at = TARGETS.AT; at < end; at += TARGETS.ENTRY_SIZE) {
      if (this.u32[at >> 2] === record) targets.push(this.i32[(at + 4) >> 2]);
    }
    return targets;
  }

  /** How often branches led to the record. */
  branches(record: number): number {
    return this.u16[counterAddress(record) >> 1];
  }

  handler(record: number): number {
    return this.u16[(record + RECORD.HANDLER) >> 1];
  }

  /** A u16 field. */
  field16(record: number, field: number): number {
    return this.u16[(record + field) >> 1];
  }

  field8(record: number, field: number): number {
    return this.u8[record + field];
  }

  displacement(record: number): number {
    return this.i32[(record + RECORD.DISPLACEMENT) >> 2];
  }

  immediateLow(record: number): number {
    return this.i32[(record + RECORD.IMMEDIATE) >> 2];
  }

  immediate(record: number): number | bigint {
    const [lo, hi] = [this.immediateLow(record), this.i32[(record + RECORD.IMMEDIATE + 4) >> 2]];
    return lo >> 31 === hi ? lo : (BigInt(hi) << 32n) | BigInt(lo >>> 0);
  }
}

type Shapes = Readonly<Record<'inline' | 'outlined' | 'system', readonly Shape[]>>;

const shapesOfPlans = new WeakMap<HandlerPlan, Shapes>();

function shapesOf(plan: HandlerPlan): Shapes {
  const known = shapesOfPlans.get(plan);
  if (known) return known;
  const system = plan.systemNames.map((name): Shape => {
    const flow = NO_RETURN.includes(name) ? 'end' : 'next';
    return { form: undefined, flow, spilled: true };
  });
  const shapes = { inline: plan.inline.map(shapeOf), outlined: plan.outlined.map(shapeOf), system };
  shapesOfPlans.set(plan, shapes);
  return shapes;
}

function shapeOf(form: PlannedForm): Shape {
  const { row } = form;
  const isRelative = parseOperands(row.operands).some((o) => o.letter === 'J');
  return { form, flow: flowOf(form, isRelative), spilled: hasAttribute(row, 'spilled') };
}

function flowOf({ row }: PlannedForm, isRelative: boolean): Flow {
  if (isRelative) return row.mnemonic === 'JMP' ? 'jump' : row.mnemonic === 'CALL' ? 'call' : 'branch';
  if (row.mnemonic === 'RET') return 'return';
  if (row.mnemonic === 'JMP' || row.mnemonic === 'CALL') return 'indirect';
  return hasAttribute(row, 'rep') ? 'repeat' : 'next';
}
