import type { NamedAddress } from '../../machine/symbols.ts';

/** Finds the symbol of a linear address. */
export type NameOf = (address: bigint) => NamedAddress | undefined;

/** `name`, or `name+0x10`; null without a symbol. */
export function symbolText(named: NamedAddress | undefined): string | null {
  if (named === undefined) return null;
  return named.offset === 0 ? named.name : `${named.name}+0x${named.offset.toString(16)}`;
}
