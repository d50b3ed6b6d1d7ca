import type { Written } from '../../protocol/written.ts';

const SPACES: Readonly<Record<string, Extract<Written, { kind: 'memory' }>['space']>> = {
  '': 'linear',
  'gpa:': 'guest-physical',
  'hpa:': 'host-physical',
};

/** Bytes of an address that is asked about. */
const LENGTH = 8;

/** What a user asks about: a register by its name, or 8 bytes of memory by an address. Undefined: neither. */
export function parseWritten(text: string): Written | undefined {
  const memory = /^(gpa:|hpa:|)(?:0x)?([0-9a-f]{1,16})$/i.exec(text.trim());
  const register = /^[a-z][a-z0-9]{1,6}$/i.exec(text.trim());
  const isNumber = memory !== null && (/^(gpa:|hpa:)?(0x|[0-9])/i.test(text.trim()) || register === null);
  if (isNumber) {
    const [, space, digits] = memory;
    const address = BigInt(`0x${digits}`);
    // No further than the page goes.
    const length = Math.min(LENGTH, 0x1000 - Number(address & 0xfffn));
    return { kind: 'memory', space: SPACES[space.toLowerCase()] ?? 'linear', address, length };
  }
  return register === null ? undefined : { kind: 'register', name: register[0].toLowerCase() };
}
