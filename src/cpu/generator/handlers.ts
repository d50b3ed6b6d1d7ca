/**
 * Which generated code serves which form of which instruction. The decoder asks `handlerFor` with
 * (row, size, memory, addressing) and gets the two record fields that select it.
 */
import type { Instruction, Size } from '../../isa/definition.ts';
import type { Entry } from '../../isa/opcode-map.ts';
import { fixedSize, hasAttribute, isSized, parseOperands, usesRm } from '../../isa/operands.ts';
import type { Form } from './form.ts';

/** Fixed entries of the main function's table; the inlined handlers follow. */
export const HANDLER = {
  /** Call the table slot in LINK. */
  OUTLINED: 0,
  /** Call the TypeScript system operation numbered LINK. */
  SYSTEM: 1,
  /** Not an instruction: go on at OFFSET, by way of the page's table; costs no cycle. */
  CONTINUE: 2,
  /** A region begins here: call the slot in LINK of the table of regions. */
  REGION: 3,
  FIRST_INLINE: 4,
} as const;

export interface Handler {
  readonly number: number;
  readonly link: number;
}

/** A form with the code that has to be generated for it. */
export interface PlannedForm extends Form {
  readonly cc: number;
}

export interface HandlerPlan {
  readonly inline: readonly PlannedForm[];
  readonly outlined: readonly PlannedForm[];
  readonly systemNames: readonly string[];
  /** By entry index, then `formIndex`. */
  readonly handlers: readonly (readonly Handler[])[];
}

export const formIndex = (size: Size, memory: boolean, segmented: boolean): number =>
  (size === 8 ? 0 : size === 16 ? 1 : size === 32 ? 2 : 3) * 4 + (memory ? 2 : 0) + (segmented ? 1 : 0);

/** Plans the code for every form of every entry of the opcode map. */
export function planHandlers(entries: readonly Entry[]): HandlerPlan {
  const inline: PlannedForm[] = [];
  const outlined: PlannedForm[] = [];
  // What the translator uses for bytes that are no instruction; then those that definitions name.
  const systemNames: string[] = ['undefined', 'too-long'];
  const systemNumber = (name: string): number => {
    const known = systemNames.indexOf(name);
    return known >= 0 ? known : systemNames.push(name) - 1;
  };
  const handlers = entries.map(({ row, cc }) => {
    const forms: Handler[] = [];
    if (row.fallback) systemNumber(row.fallback);
    if (typeof row.semantics !== 'function') {
      const handler = { number: HANDLER.SYSTEM, link: systemNumber(row.semantics.system) };
      for (let i = 0; i < 16; i++) forms[i] = handler;
      return forms;
    }
    const sizes: readonly Size[] = isSized(row) ? [16, 32, 64] : [fixedSize(row)];
    for (const size of sizes) {
      for (const memory of memoryForms(row)) {
        for (const addressing of ['flat', 'segmented'] as const) {
          if (addressing === 'segmented' && !memory && ignoresMemory(row)) {
            forms[formIndex(size, memory, true)] = forms[formIndex(size, memory, false)];
            continue;
          }
          const form = { row, size, memory, addressing, cc };
          const hot = addressing === 'flat' && hasAttribute(row, 'hot');
          forms[formIndex(size, memory, addressing === 'segmented')] = hot
            ? { number: HANDLER.FIRST_INLINE + inline.push(form) - 1, link: 0 }
            : { number: HANDLER.OUTLINED, link: outlined.push(form) - 1 };
        }
      }
    }
    return forms;
  });
  return { inline, outlined, systemNames, handlers };
}

function memoryForms(row: Instruction): readonly boolean[] {
  const letters = parseOperands(row.operands).map((o) => o.letter);
  if (letters.includes('O')) return [true];
  const letter = letters.find(usesRm);
  if (letter === undefined) return [false];
  return letter === 'M' ? [true] : 'RUNT'.includes(letter) ? [false] : [false, true];
}

/** Register forms of vector instructions do the same however memory is addressed; most others may touch the stack. */
const ignoresMemory = (row: Instruction): boolean =>
  parseOperands(row.operands).some((o) => 'VUPN'.includes(o.letter)) && !hasAttribute(row, 'implicit');
