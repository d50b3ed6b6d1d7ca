import type { WasmTextLine } from '../../../protocol/tiers-view.ts';

/** Lines of WebAssembly that carry out one guest instruction, or that belong to none. */
export interface WasmGroup {
  /** Index in the guest code; null for what stands before the first instruction. */
  readonly step: number | null;
  readonly depth: number;
  readonly text: string;
}

export function wasmGroups(lines: readonly WasmTextLine[]): WasmGroup[] {
  const groups: { step: number | null; depth: number; lines: string[] }[] = [];
  for (const { step, depth, text } of lines) {
    let group = groups.at(-1);
    if (group === undefined || group.step !== step) {
      group = { step, depth, lines: [] };
      groups.push(group);
    }
    group.lines.push('  '.repeat(depth) + text);
  }
  return groups.map(({ step, depth, lines: texts }) => ({ step, depth, text: texts.join('\n') }));
}
