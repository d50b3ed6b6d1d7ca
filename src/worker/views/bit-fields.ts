import type { BitField } from '../../protocol/processor-view.ts';

/** A part of a register or table entry: where it is, and what its value means to people. */
export interface FieldFormat {
  readonly name: string;
  readonly low: number;
  /** `low` when absent: one bit. */
  readonly high?: number;
  /** One text, or one for clear and one for set, or a function of the value. */
  readonly meaning: string | readonly [clear: string, set: string] | ((value: bigint) => string);
}

/** Takes a value apart. */
export function fieldsOf(value: bigint, formats: readonly FieldFormat[]): BitField[] {
  return formats.map(({ name, low, high = low, meaning }) => {
    const part = (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
    return { name, high, low, value: part, meaning: textOf(meaning, part) };
  });
}

function textOf(meaning: FieldFormat['meaning'], value: bigint): string {
  if (typeof meaning === 'string') return meaning;
  if (typeof meaning === 'function') return meaning(value);
  return meaning[value === 0n ? 0 : 1];
}

/**
 * Formats from a table of masks as src/arch has them (`CR0.PG` is `1 << 31`), in ascending order of
 * bits, with a text for each name that has one.
 */
export function formatsOf(
  masks: Readonly<Record<string, number>>,
  texts: Readonly<Record<string, string>>,
): FieldFormat[] {
  return Object.entries(masks)
    .map(([name, mask]) => {
      const low = 31 - Math.clz32(mask & -mask);
      const high = 31 - Math.clz32(mask);
      return { name, low, high, meaning: texts[name] ?? name };
    })
    .sort((a, b) => a.low - b.low);
}
