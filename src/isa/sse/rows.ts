/** Shorthands that the tables of packed instructions are written with. */
import type { I32, V128 } from '../../wasm/expression.ts';
import { i32 } from '../../wasm/expression.ts';
import type { FunctionBuilder } from '../../wasm/function.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { STATE } from '../state.ts';

/** destination, source -> destination. Both are locals, so naming them twice costs nothing. */
export type PackedBinary = (destination: V128, source: V128, f: FunctionBuilder) => V128;
/** destination, source, 8-bit immediate (0..255, a local). */
export type PackedImmediate = (destination: V128, source: V128, immediate: I32, f: FunctionBuilder) => V128;

/** The immediate byte of the instruction, zero-extended. */
export const immediateByte = (c: Context): I32 =>
  c.f.let(i32.and(i32.wrap_i64(c.immediate()), i32.const(0xff)));

export const packedBinary =
  (operation: PackedBinary): Semantics =>
  (c) => {
    const destination = c.f.let(c.readV(0));
    const source = c.f.let(c.readV(1));
    c.writeV(0, operation(destination, source, c.f));
  };

const packedImmediate =
  (operation: PackedImmediate): Semantics =>
  (c) => {
    const destination = c.f.let(c.readV(0));
    const source = c.f.let(c.readV(1));
    c.writeV(0, operation(destination, source, immediateByte(c), c.f));
  };

/**
 * The same where a form by `known`, a number when the code is built, takes fewer operations: used when the
 * immediate is known then.
 */
export const packedPattern =
  (
    known: (destination: V128, source: V128, immediate: number) => V128,
    operation: PackedImmediate,
  ): Semantics =>
  (c) => {
    if (c.knownImmediate === undefined) return packedImmediate(operation)(c);
    const destination = c.f.let(c.readV(0));
    const source = c.f.let(c.readV(1));
    c.writeV(0, known(destination, source, c.knownImmediate & 0xff));
  };

/**
 * Any MMX instruction but EMMS leaves TOP 0 and all registers tagged valid: SDM volume 1, "Effect of
 * Instructions on the x87 FPU Tag Word".
 */
export function enterMmx(c: Context): void {
  c.f.store('i32', c.field(STATE.FTOP), i32.const(0));
  c.f.store('i32', c.field(STATE.FTAG), i32.const(0xff));
}

/** Enters MMX mode last, since the instruction may fault before. */
export const enteringMmx =
  (semantics: Semantics): Semantics =>
  (c) => {
    semantics(c);
    enterMmx(c);
  };

/** What most rows of a file share. */
export interface RowDefaults {
  readonly feature: string;
  readonly operands: string;
  readonly attributes: string;
}

/** `mnemonic, encoding, semantics`, and what differs from the defaults. */
export type Row = readonly [string, string, Semantics, Partial<RowDefaults>?];

export const rows = (defaults: RowDefaults, table: readonly Row[]): Instruction[] =>
  table.map(([mnemonic, encoding, semantics, own]) => ({
    mnemonic,
    encoding,
    ...defaults,
    ...own,
    semantics,
  }));
