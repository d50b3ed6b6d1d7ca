import type { AddressExpression } from '../../../protocol/memory-view.ts';
import { isAddressRegister, segmentName } from '../../../protocol/register-names.ts';
import { parseAddress, short } from '../../format.ts';

/** The least and the most that an offset can be. */
const LIMIT = 1n << 64n;

/**
 * Reads an address: hexadecimal digits, a register, either with a hexadecimal offset, and before it a
 * segment register with a colon: `ffff8000`, `rsp`, `rsp+0x40`, `rbp-8`, `fs:28`, `es:di`. Undefined when it
 * is none. A register goes before a number of the same letters.
 */
export function parseExpression(text: string): AddressExpression | undefined {
  const compact = text.trim().toLowerCase();
  const [, segment = null, rest = ''] = /^(?:([a-z]s)\s*:)?\s*(.+)$/.exec(compact) ?? [];
  if (segment !== null && segmentName(segment) === undefined) return undefined;
  const [, name = '', sign = '+', digits] = /^([a-z][a-z0-9]*)\s*(?:([+-])\s*(.+))?$/.exec(rest) ?? [];
  if (isAddressRegister(name)) {
    const offset = digits === undefined ? 0n : parseAddress(digits);
    if (offset === undefined) return undefined;
    return { segment, register: name, offset: sign === '-' ? -offset : offset };
  }
  const offset = parseAddress(rest);
  return offset === undefined ? undefined : { segment, register: null, offset };
}

/** The same as text. */
export function formatExpression({ segment, register, offset }: AddressExpression): string {
  const prefix = segment === null ? '' : `${segment}:`;
  if (register === null) return prefix + short(offset);
  if (offset === 0n) return prefix + register;
  return `${prefix}${register}${offset < 0n ? '-' : '+'}${short(offset < 0n ? -offset : offset)}`;
}

/** The expression moved by a number of bytes; a constant stays within 64 bits. */
export function moved(at: AddressExpression, bytes: bigint): AddressExpression {
  const offset = at.offset + bytes;
  if (at.register !== null || at.segment !== null) return { ...at, offset: offset % LIMIT };
  return { ...at, offset: offset < 0n ? 0n : offset >= LIMIT ? LIMIT - 1n : offset };
}
