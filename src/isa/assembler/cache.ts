/**
 * Remembers instructions over the passes: most of them are the same each time, and choosing and encoding
 * is the dear part. The key holds all that the bytes depend on; targets count by their distance.
 */
import type { Operand } from './operands.ts';
import { assembleInstruction, type InstructionSource } from './select.ts';
import type { Bits } from './types.ts';
import { isScalar, resolve, type Value } from './value.ts';

export type InstructionCache = Map<string, Uint8Array>;

const BRANCH = /^(j|call|loop|xbegin)/;

function valueKey(v: Value, relativeTo: bigint): string {
  return `${resolve(v) - relativeTo}${isScalar(v) ? 's' : 'a'}${v.unknown ? '?' : ''}`;
}

function operandKey(o: Operand, mnemonic: string, here: Value, address: bigint): string {
  const modifiers = `${o.size ?? ''}${o.strict ? '!' : ''}${o.reach ?? ''}`;
  switch (o.kind) {
    case 'register':
      return `${modifiers}${o.register.name}`;
    case 'immediate': {
      if (!BRANCH.test(mnemonic)) return `${modifiers}#${valueKey(o.value, 0n)}`;
      const [section] = here.terms.keys();
      return `${modifiers}@${valueKey(o.value, address)}${section !== undefined && o.value.terms.has(section)}`;
    }
    case 'far':
      return `${modifiers}${valueKey(o.selector, 0n)}:${valueKey(o.offset, 0n)}`;
    case 'memory': {
      const parts = [o.segment?.name, o.base?.name, o.index?.name, o.scale, o.displacementSize, o.relative];
      return `${modifiers}[${parts.join('+')}+${valueKey(o.displacement, o.relative ? address : 0n)}`;
    }
  }
}

/** As `assembleInstruction`, from memory when the same was asked before. Errors are not remembered. */
export function assembleCached(
  cache: InstructionCache,
  source: InstructionSource,
  bits: Bits,
  here: Value,
): Uint8Array {
  const { mnemonic, operands, prefixes } = source;
  const address = resolve(here);
  const prefixKey = `${prefixes.bytes}/${prefixes.segment}/${prefixes.operandSize}/${prefixes.addressSize}`;
  const key = `${bits} ${prefixKey} ${mnemonic} ${operands.map((o) => operandKey(o, mnemonic, here, address)).join()}`;
  let bytes = cache.get(key);
  if (bytes === undefined) {
    bytes = assembleInstruction(source, bits, here, address);
    cache.set(key, bytes);
  }
  return bytes;
}
