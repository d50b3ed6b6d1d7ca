/**
 * MOVS, CMPS, STOS, LODS, SCAS, with and without REP. SDM volume 2.
 * A repeated instruction does one element a step and is then executed again, so that interrupts and
 * faults find it between elements, as on a processor.
 */
import { SEG } from '../../arch/registers.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { STORE } from '../../wasm/function.ts';
import type { Context, Instruction, Semantics, Size } from '../definition.ts';
import { signExtend } from './helpers.ts';

const RAX = 0;
const RCX = 1;
const RSI = 6;
const RDI = 7;

function loadElement(c: Context, host: I32): I64 {
  const loads = { 8: i64.load8_s, 16: i64.load16_s, 32: i64.load32_s, 64: i64.load } as const;
  return loads[c.size](host);
}

function storeElement(c: Context, host: I32, value: I64): void {
  const stores: Record<Size, keyof typeof STORE> = { 8: 'i64_8', 16: 'i64_16', 32: 'i64_32', 64: 'i64' };
  c.f.store(stores[c.size], host, value);
  c.commit(host);
}

const source = (c: Context): I64 =>
  c.f.let(loadElement(c, c.hostReadAt(c.f.let(c.addressSized(RSI)), c.size / 8)));
const sourceAtDi = (c: Context): I64 =>
  c.f.let(loadElement(c, c.hostReadAt(c.f.let(c.addressSized(RDI)), c.size / 8, SEG.ES)));

function storeAtDi(c: Context, value: I64): void {
  storeElement(c, c.hostWriteAt(c.f.let(c.addressSized(RDI)), c.size / 8, SEG.ES), value);
}

/** Moves the index registers one element on. */
function step(c: Context, ...registers: number[]): void {
  const bytes = c.f.let(c.stringStep(c.size / 8));
  for (const n of registers) c.setAddressSized(n, i64.add(c.gpr(n), bytes));
}

/**
 * One element under REP: nothing when rCX is 0; after the element, rCX - 1 and again unless it is 0
 * or, for comparisons, ZF says that the repetition ends.
 */
function repeated(element: Semantics, comparing: boolean): Semantics {
  return (c) => {
    const { f } = c;
    const rep = f.let(c.rep);
    f.if(rep, () => f.if(i64.eqz(c.addressSized(RCX)), () => c.done()));
    element(c);
    f.if(rep, () => {
      const rest = f.let(c.truncateAddress(i64.sub(c.gpr(RCX), i64.const(1))));
      c.setAddressSized(RCX, rest);
      let goOn: I32 = i64.ne(rest, i64.const(0));
      // REPE (1) goes on while ZF = 1, REPNE (2) while ZF = 0.
      if (comparing) goOn = i32.and(goOn, i32.eq(c.condition(4), i32.eq(rep, i32.const(1))));
      f.if(goOn, () => c.again());
    });
  };
}

const moveString: Semantics = (c) => {
  storeAtDi(c, source(c));
  step(c, RSI, RDI);
};

const storeString: Semantics = (c) => {
  storeAtDi(c, c.gpr(RAX, c.size));
  step(c, RDI);
};

const loadString: Semantics = (c) => {
  c.setGpr(RAX, source(c), c.size);
  step(c, RSI);
};

function compareWith(c: Context, a: I64, b: I64): void {
  c.flags.sub(a, signExtend(i64.sub(a, b), c.size));
}

const compareString: Semantics = (c) => {
  const a = source(c);
  const b = sourceAtDi(c);
  step(c, RSI, RDI);
  compareWith(c, a, b);
};

const scanString: Semantics = (c) => {
  const b = sourceAtDi(c);
  step(c, RDI);
  compareWith(c, c.f.let(c.gpr(RAX, c.size)), b);
};

const pair = (mnemonic: string, opcode: number, element: Semantics, comparing = false): Instruction[] => {
  const hex = (n: number): string => n.toString(16).toUpperCase();
  const semantics = repeated(element, comparing);
  return [
    { mnemonic: `${mnemonic}B`, encoding: hex(opcode), attributes: 'byte rep', semantics },
    { mnemonic, encoding: hex(opcode + 1), attributes: 'v rep', semantics },
  ];
};

export const stringInstructions: readonly Instruction[] = [
  ...pair('MOVS', 0xa4, moveString),
  ...pair('CMPS', 0xa6, compareString, true),
  ...pair('STOS', 0xaa, storeString),
  ...pair('LODS', 0xac, loadString),
  ...pair('SCAS', 0xae, scanString, true),
];
