/**
 * MOVS, CMPS, STOS, LODS, SCAS, with and without REP. SDM volume 2.
 *
 * A repeated instruction does one element a step and is then executed again, so that interrupts and
 * faults find it between elements, as on a processor. Upwards in ordinary memory it does at once what
 * would come step by step: as many elements as the pages and the budget of cycles allow, and no sooner
 * or later than step by step.
 */
import { SEG } from '../../arch/registers.ts';
import { choose, type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { Local } from '../../wasm/function.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { signExtend } from './helpers.ts';
import { COMPARE, COPY, FILL, loadElement, SCAN, storeElement } from './string-data.ts';

const RAX = 0;
const RCX = 1;
const RSI = 6;
const RDI = 7;

const PAGE = 0x1000;
/** Condition code Z. */
const ZERO = 4;

const source = (c: Context): I64 =>
  c.f.let(loadElement(c.size, c.hostReadAt(c.f.let(c.addressSized(RSI)), c.size / 8)));
const sourceAtDi = (c: Context): I64 =>
  c.f.let(loadElement(c.size, c.hostReadAt(c.f.let(c.addressSized(RDI)), c.size / 8, SEG.ES)));

function storeAtDi(c: Context, value: I64): void {
  const host = c.hostWriteAt(c.f.let(c.addressSized(RDI)), c.size / 8, SEG.ES);
  storeElement(c.f, c.size, host, value);
  c.commit(host);
}

function compareWith(c: Context, a: I64, b: I64): void {
  c.flags.sub(a, signExtend(i64.sub(a, b), c.size));
}

/** What a string instruction does. */
interface Operation {
  /** The index registers that it uses and moves on. */
  readonly registers: readonly number[];
  /** How memory at RDI is accessed; absent: not at all. */
  readonly destination?: 'read' | 'write';
  /** REPE and REPNE go by ZF. */
  readonly comparing?: boolean;
  /** One element: memory, accumulator, flags. */
  element(c: Context): void;
  /** Up to `count` elements, 2 or more, at host addresses. @returns how many were done */
  bulk(c: Context, run: BulkRun): Local<'i32'>;
}

interface BulkRun {
  readonly source: I32;
  readonly destination: I32;
  readonly count: Local<'i32'>;
  /** 1 for REPE, 0 for REPNE: what `a = b` has to be to go on. */
  readonly wanted: I32;
}

/** Host address of the element after which `done` elements are done. */
const lastElement = (c: Context, host: I32, done: I32): I32 =>
  i32.add(host, i32.mul(i32.sub(done, i32.const(1)), i32.const(c.size / 8)));

/** Moves the index registers on by some bytes. */
function step(c: Context, registers: readonly number[], bytes: I64): void {
  for (const n of registers) c.setAddressSized(n, i64.add(c.gpr(n), bytes));
}

/** Whether a repeated instruction goes on after an element, with `rest` elements to go. */
function goesOn(c: Context, { comparing }: Operation, rep: I32, rest: I64): I32 {
  const more = i64.ne(rest, i64.const(0));
  // REPE (1) goes on while ZF = 1, REPNE (2) while ZF = 0.
  return comparing ? i32.and(more, i32.eq(c.condition(ZERO), i32.eq(rep, i32.const(1)))) : more;
}

/** Counts RCX down by the elements done; ends the instruction when there are more. */
function countDown(c: Context, operation: Operation, rep: I32, done: I64): void {
  const rest = c.f.let(c.truncateAddress(i64.sub(c.gpr(RCX), done)));
  c.setAddressSized(RCX, rest);
  c.f.if(goesOn(c, operation, rep, rest), () => c.again());
}

const smaller = (a: Local<'i32'>, b: Local<'i32'>): I32 => choose(i32.lt_s(a, b), a, b);

/** Does several elements at once, and ends the instruction, where that is the same as one by one. */
function inBulk(c: Context, operation: Operation, rep: I32, count: Local<'i64'>): void {
  const { f } = c;
  const usesSource = operation.registers.includes(RSI);
  const source = usesSource ? c.plainHost('read', f.let(c.addressSized(RSI))) : i32.const(PAGE);
  const destination = operation.destination
    ? c.plainHost(operation.destination, f.let(c.addressSized(RDI)), SEG.ES)
    : i32.const(PAGE);
  if (!source || !destination) return;
  const bytes = c.size / 8;
  const upwards = i64.gt_s(c.stringStep(bytes), i64.const(0));
  f.if(i32.and(upwards, i32.and(i32.ne(source, i32.const(0)), i32.ne(destination, i32.const(0)))), () => {
    const left = (host: I32) =>
      f.let(i32.div_u(i32.sub(i32.const(PAGE), i32.and(host, i32.const(PAGE - 1))), i32.const(bytes)));
    const n = f.let(smaller(left(source), left(destination)));
    const affordable = f.let(i32.add(c.budget(), i32.const(1)));
    f.set(n, smaller(n, affordable));
    f.if(i64.lt_u(count, i64.extend_i32_u(n)), () => f.set(n, i32.wrap_i64(count)));
    f.if(i32.ge_s(n, i32.const(2)), () => {
      const wanted = i32.eq(rep, i32.const(1));
      const done = operation.bulk(c, { source, destination, count: n, wanted });
      c.spend(i32.sub(done, i32.const(1)));
      const elements = f.let(i64.extend_i32_u(done));
      step(c, operation.registers, f.let(i64.mul(elements, i64.const(bytes))));
      countDown(c, operation, rep, elements);
      c.done();
    });
  });
}

/** The instruction: nothing under REP when rCX is 0. */
const semanticsOf =
  (operation: Operation): Semantics =>
  (c) => {
    const { f } = c;
    const rep = f.let(c.rep);
    f.if(rep, () => {
      const count = f.let(c.addressSized(RCX));
      f.if(i64.eqz(count), () => c.done());
      inBulk(c, operation, rep, count);
    });
    operation.element(c);
    step(c, operation.registers, f.let(c.stringStep(c.size / 8)));
    f.if(rep, () => countDown(c, operation, rep, i64.const(1)));
  };

const moveString: Operation = {
  registers: [RSI, RDI],
  destination: 'write',
  element: (c) => storeAtDi(c, source(c)),
  bulk: (c, { source, destination, count }) =>
    c.f.let(c.library(COPY[c.size], destination, source, count)) as Local<'i32'>,
};

const storeString: Operation = {
  registers: [RDI],
  destination: 'write',
  element: (c) => storeAtDi(c, c.gpr(RAX, c.size)),
  bulk: (c, { destination, count }) =>
    c.f.let(c.library(FILL[c.size], destination, c.gpr(RAX, c.size), count)) as Local<'i32'>,
};

const loadString: Operation = {
  registers: [RSI],
  element: (c) => c.setGpr(RAX, source(c), c.size),
  bulk: (c, { source, count }) => {
    c.setGpr(RAX, loadElement(c.size, lastElement(c, source, count)), c.size);
    return count;
  },
};

const compareString: Operation = {
  registers: [RSI, RDI],
  destination: 'read',
  comparing: true,
  element: (c) => {
    const a = source(c);
    const b = sourceAtDi(c);
    compareWith(c, a, b);
  },
  bulk: (c, { source, destination, count, wanted }) => {
    const { f } = c;
    const done = f.let(c.library(COMPARE[c.size], source, destination, count, wanted)) as Local<'i32'>;
    const a = f.let(loadElement(c.size, lastElement(c, source, done)));
    compareWith(c, a, f.let(loadElement(c.size, lastElement(c, destination, done))));
    return done;
  },
};

const scanString: Operation = {
  registers: [RDI],
  destination: 'read',
  comparing: true,
  element: (c) => {
    const b = sourceAtDi(c);
    compareWith(c, c.f.let(c.gpr(RAX, c.size)), b);
  },
  bulk: (c, { destination, count, wanted }) => {
    const { f } = c;
    const a = f.let(c.gpr(RAX, c.size));
    const done = f.let(c.library(SCAN[c.size], a, destination, count, wanted)) as Local<'i32'>;
    compareWith(c, a, f.let(loadElement(c.size, lastElement(c, destination, done))));
    return done;
  },
};

const pair = (mnemonic: string, opcode: number, operation: Operation): Instruction[] => {
  const hex = (n: number): string => n.toString(16).toUpperCase();
  const semantics = semanticsOf(operation);
  return [
    { mnemonic: `${mnemonic}B`, encoding: hex(opcode), attributes: 'byte rep', semantics },
    { mnemonic, encoding: hex(opcode + 1), attributes: 'v rep', semantics },
  ];
};

export const stringInstructions: readonly Instruction[] = [
  ...pair('MOVS', 0xa4, moveString),
  ...pair('CMPS', 0xa6, compareString),
  ...pair('STOS', 0xaa, storeString),
  ...pair('LODS', 0xac, loadString),
  ...pair('SCAS', 0xae, scanString),
];
