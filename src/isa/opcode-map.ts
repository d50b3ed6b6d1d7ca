/**
 * The opcode map, made from the instruction definitions: (map, opcode, mandatory prefix, 64-bit
 * mode) leads to an entry, by way of the ModRM byte where definitions differ in it.
 */
import type { Instruction } from './definition.ts';
import { hasAttribute, ignoresMod, parseOperands, usesModRm } from './operands.ts';

/** A definition at its place in the map; `+cc` definitions have one entry per condition. */
export interface Entry {
  readonly index: number;
  readonly row: Instruction;
  /** Condition code of a `+cc` definition, else 0. */
  readonly cc: number;
  readonly hasModRm: boolean;
}

interface Pattern {
  readonly map: number;
  readonly opcode: number;
  /** Opcodes covered: 1, or up to 8 for `+r`. */
  readonly count: number;
  /** Prefix classes it matches: bit 0 none, 1 66h, 2 F3h, 3 F2h. */
  readonly classes: number;
  readonly modrm: (byte: number) => boolean;
  readonly constrainsModRm: boolean;
}

/** Leaf of the map: an entry, 256 entries by ModRM byte, or undefined opcode. */
export type Leaf = Entry | readonly (Entry | undefined)[] | undefined;

const CLASS = { NP: 1, '66': 2, F3: 4, F2: 8 } as const;
const ANY_CLASS = 15;

/** Opcode maps: one-byte, 0F, 0F 38, 0F 3A. */
const MAPS: Record<string, number> = { '': 0, '0F': 1, '0F38': 2, '0F3A': 3 };

export class OpcodeMap {
  readonly entries: readonly Entry[];
  /** Index: ((map * 256 + opcode) * 4 + prefix class) * 2 + (64-bit mode). */
  private readonly leaves: Leaf[];

  constructor(instructions: readonly Instruction[]) {
    const entries: Entry[] = [];
    const cells = new Map<number, { pattern: Pattern; entry: Entry }[]>();
    for (const row of instructions) {
      for (const { pattern, cc } of patterns(row)) {
        const hasModRm =
          pattern.constrainsModRm || parseOperands(row.operands).some((o) => usesModRm(o.letter));
        const entry = { index: entries.length, row, cc, hasModRm };
        entries.push(entry);
        for (const cell of cellsOf(pattern, row)) {
          const list = cells.get(cell);
          if (list) list.push({ pattern, entry });
          else cells.set(cell, [{ pattern, entry }]);
        }
      }
    }
    this.entries = entries;
    this.leaves = Array.from({ length: 4 * 256 * 4 * 2 }, (_, cell) => leafOf(cells.get(cell) ?? []));
  }

  leaf(map: number, opcode: number, prefixClass: number, long: number): Leaf {
    return this.leaves[((map * 256 + opcode) * 4 + prefixClass) * 2 + long];
  }
}

function* cellsOf(pattern: Pattern, row: Instruction): Iterable<number> {
  for (let i = 0; i < pattern.count; i++) {
    for (let prefixClass = 0; prefixClass < 4; prefixClass++) {
      if ((pattern.classes & (1 << prefixClass)) === 0) continue;
      const cell = ((pattern.map * 256 + pattern.opcode + i) * 4 + prefixClass) * 2;
      if (!hasAttribute(row, 'o64')) yield cell;
      if (!hasAttribute(row, 'i64')) yield cell + 1;
    }
  }
}

function leafOf(candidates: readonly { pattern: Pattern; entry: Entry }[]): Leaf {
  // A definition with a mandatory prefix beats one that takes any.
  const specific = candidates.filter((c) => c.pattern.classes !== ANY_CLASS);
  const ordered = [...specific, ...candidates.filter((c) => !specific.includes(c))];
  if (ordered.length === 0) return undefined;
  if (ordered.length === 1 || specific.length === 1) {
    if (!ordered[0].pattern.constrainsModRm) return ordered[0].entry;
  }
  return Array.from({ length: 256 }, (_, byte) => {
    const matches = ordered.filter((c) => c.pattern.modrm(byte));
    // Among matches the one that constrains a whole byte stands first in its list of definitions.
    return matches.find((c) => c.pattern.constrainsModRm)?.entry ?? matches[0]?.entry;
  });
}

const HEX_BYTE = /^[0-9A-F]{2}$/;

/** Parses an `encoding`; throws on a malformed one, so that a wrong definition fails at start-up. */
function patterns(row: Instruction): { pattern: Pattern; cc: number }[] {
  const fail = (what: string): never => {
    throw new Error(`${row.mnemonic} "${row.encoding}": ${what}`);
  };
  const tokens: string[] = row.encoding.split(' ');
  // A lone 66/F2/F3 is a mandatory prefix only when more bytes follow.
  let classes = ANY_CLASS;
  if (tokens.length > 1 && tokens[0] in CLASS) classes = CLASS[tokens.shift() as keyof typeof CLASS];
  let mapName = '';
  if (tokens.length > 1 && tokens[0] === '0F') mapName = tokens.shift() ?? '';
  const isEscape = (token: string): boolean => token === '38' || token === '3A';
  if (mapName !== '' && tokens.length > 1 && isEscape(tokens[0]) && /^[0-9A-F]{2}/.test(tokens[1])) {
    mapName += tokens.shift();
  }
  const [first, suffix] = (tokens.shift() ?? fail('no opcode')).split('+');
  if (!HEX_BYTE.test(first)) fail('opcode is not a hex byte');
  const opcode = Number.parseInt(first, 16);
  const conditions: ((byte: number) => boolean)[] = [];
  for (const token of tokens) {
    if (/^\/[0-7]$/.test(token)) {
      const extension = Number(token[1]);
      conditions.push((byte) => ((byte >> 3) & 7) === extension);
    } else if (token === 'mod=3') conditions.push((byte) => byte >= 0xc0);
    else if (token === 'mod!=3') conditions.push((byte) => byte < 0xc0);
    else if (HEX_BYTE.test(token)) {
      const exact = Number.parseInt(token, 16);
      conditions.push((byte) => byte === exact);
    } else fail(`unknown part "${token}"`);
  }
  // Addressing letters that allow only one kind of ModRM.
  const operands = parseOperands(row.operands);
  for (const { letter } of ignoresMod(operands) ? [] : operands) {
    if (letter === 'M') conditions.push((byte) => byte < 0xc0);
    if ('RUNT'.includes(letter)) conditions.push((byte) => byte >= 0xc0);
  }
  const pattern: Pattern = {
    map: MAPS[mapName] ?? fail('unknown opcode map'),
    opcode,
    // Up to the end of the row of eight, so that 91+r leaves 90 out.
    count: suffix === 'r' ? 8 - (opcode & 7) : 1,
    classes,
    modrm: (byte) => conditions.every((c) => c(byte)),
    constrainsModRm: conditions.length > 0,
  };
  if (suffix !== 'cc') return [{ pattern, cc: 0 }];
  return Array.from({ length: 16 }, (_, cc) => ({ pattern: { ...pattern, opcode: opcode + cc }, cc }));
}
