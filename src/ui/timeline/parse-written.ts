import type { Written } from '../../protocol/written.ts';

const SPACES: Readonly<Record<string, Extract<Written, { kind: 'memory' }>['space']>> = {
  '': 'linear',
  'gpa:': 'guest-physical',
  'hpa:': 'host-physical',
};

/** Bytes of an address that is asked about. */
const LENGTH = 8;

/** What a user asks about: a register or a field of a VMCS by its name, or 8 bytes of memory. Undefined: none of them. */
export function parseWritten(text: string): Written | undefined {
  const memory = /^(gpa:|hpa:|)(?:0x)?([0-9a-f]{1,16})$/i.exec(text.trim());
  const register = /^[a-z][a-z0-9_.]{1,40}$/i.exec(text.trim());
  const isNumber = memory !== null && (/^(gpa:|hpa:)?(0x|[0-9])/i.test(text.trim()) || register === null);
  if (isNumber) {
    const [, space, digits] = memory;
    const address = BigInt(`0x${digits}`);
    // No further than the page goes.
    const length = Math.min(LENGTH, 0x1000 - Number(address & 0xfffn));
    return { kind: 'memory', space: SPACES[space.toLowerCase()] ?? 'linear', address, length };
  }
  if (register === null) return undefined;
  const [name] = register;
  // Fields have names of several words, as MSRs do.
  const isField = name.includes('_') && !/^ia32_/i.test(name);
  return isField
    ? { kind: 'field', name: name.toUpperCase() }
    : { kind: 'register', name: name.toLowerCase() };
}
