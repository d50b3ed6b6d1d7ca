/**
 * The opcode map read backwards: for each of its entries the bytes that lead to it. What the random
 * programs are made of, so that no instruction is left out of them by being forgotten.
 */
import { opcodeMap } from '../../isa/instructions.ts';
import { branchInstructions } from '../../isa/integer/branch.ts';
import { integerInstructions } from '../../isa/integer/index.ts';
import { stackInstructions } from '../../isa/integer/stack.ts';
import { stringInstructions } from '../../isa/integer/string.ts';
import { mmxInstructions } from '../../isa/mmx/index.ts';
import type { Entry } from '../../isa/opcode-map.ts';
import { hasAttribute } from '../../isa/operands.ts';
import { sseInstructions } from '../../isa/sse/index.ts';
import { x87Instructions } from '../../isa/x87/index.ts';

/** One way to write an entry of the opcode map. */
export interface InstructionForm {
  readonly entry: Entry;
  /** 0 one-byte, 1 0F, 2 0F 38, 3 0F 3A. */
  readonly map: number;
  /** Several where the opcode holds a register. */
  readonly opcodes: readonly number[];
  /** Mandatory prefix: 0 none, 1 66h, 2 F3h, 3 F2h. */
  readonly prefixClass: number;
  /** The ModRM bytes that lead to the entry; undefined: any one, or there is none. */
  readonly modrm: readonly number[] | undefined;
}

/** What an instruction is drawn by. */
export const FAMILIES = ['integer', 'stack', 'string', 'branch', 'mmx', 'sse', 'x87', 'system'] as const;
export type Family = (typeof FAMILIES)[number];

export type FormTable = Readonly<Record<Family, readonly InstructionForm[]>>;

/** Forms of frequent instructions stand in the table this many times. */
const HOT_WEIGHT = 4;
const COMMON_SYSTEM_WEIGHT = 8;

/** System operations that programs use without ending their world. */
const COMMON_SYSTEM = new Set(
  `rdtsc rdtscp cpuid pushf popf cli sti clts smsw moveFromControl moveFromSegment int3 int into sgdt sidt
  sldt str lar lsl verr verw pushDs pushEs pushFs popDs popEs popFs popGs moveToSegment les lds lfs lgs rdfsbase
  wrfsbase rdgsbase in out inByte outByte inImmediate outImmediate pause invlpg ud hlt arpl`.split(/\s+/),
);

function familyOf(entry: Entry): Family {
  const { row } = entry;
  if (typeof row.semantics !== 'function') return 'system';
  if (branchInstructions.includes(row)) return 'branch';
  if (stackInstructions.includes(row)) return 'stack';
  if (stringInstructions.includes(row)) return 'string';
  if (integerInstructions.includes(row)) return 'integer';
  if (mmxInstructions.includes(row)) return 'mmx';
  if (sseInstructions.includes(row)) return 'sse';
  return x87Instructions.includes(row) ? 'x87' : 'system';
}

function weightOf(entry: Entry): number {
  const { row } = entry;
  if (typeof row.semantics !== 'function')
    return COMMON_SYSTEM.has(row.semantics.system) ? COMMON_SYSTEM_WEIGHT : 1;
  // A branch to nowhere ends a program: FF /2, FF /4 and RET are written on purpose elsewhere.
  const isWild = branchInstructions.includes(row) && !row.operands?.startsWith('J');
  return hasAttribute(row, 'hot') && !isWild ? HOT_WEIGHT : 1;
}

/** Every entry once, by the first prefix class that leads to it. */
export function allForms(long: boolean): InstructionForm[] {
  const forms = new Map<number, InstructionForm & { opcodes: number[] }>();
  for (let prefixClass = 0; prefixClass < 4; prefixClass++) {
    for (let map = 0; map < 4; map++) {
      for (let opcode = 0; opcode < 256; opcode++) {
        const leaf = opcodeMap.leaf(map, opcode, prefixClass, long ? 1 : 0);
        const isArray = Array.isArray(leaf);
        const entries: readonly (Entry | undefined)[] = isArray
          ? [...new Set(leaf)]
          : [leaf as Entry | undefined];
        for (const entry of entries) {
          if (!entry) continue;
          const known = forms.get(entry.index);
          if (known) {
            if (known.prefixClass === prefixClass && known.map === map) known.opcodes.push(opcode);
            continue;
          }
          const modrm = isArray ? [...leaf.keys()].filter((byte) => leaf[byte] === entry) : undefined;
          forms.set(entry.index, { entry, map, opcodes: [opcode], prefixClass, modrm });
        }
      }
    }
  }
  return [...forms.values()];
}

function tableOf(long: boolean): FormTable {
  const table = Object.fromEntries(FAMILIES.map((name) => [name, [] as InstructionForm[]])) as Record<
    Family,
    InstructionForm[]
  >;
  for (const form of allForms(long)) {
    for (let i = 0; i < weightOf(form.entry); i++) table[familyOf(form.entry)].push(form);
  }
  return table;
}

const tables: (FormTable | undefined)[] = [];

/** Forms by family, frequent ones several times. @param long for 64-bit mode */
export function formTable(long: boolean): FormTable {
  const index = long ? 1 : 0;
  let table = tables[index];
  if (!table) {
    table = tableOf(long);
    tables[index] = table;
  }
  return table;
}
