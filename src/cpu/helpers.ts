/** TypeScript helpers that generated semantics may call by name, with their parameter types. */
import type { ValueType } from '../wasm/expression.ts';

export const HELPERS = {
  /** (FUNCTION.x) -> flags: see cpu/x87/transcendental.ts */
  transcendental: ['i32'],
} as const satisfies Record<string, readonly ValueType[]>;

export type HelperName = keyof typeof HELPERS;
