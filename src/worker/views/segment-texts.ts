import { ATTRIBUTE, SYSTEM_TYPE } from '../../arch/segments.ts';

const SYSTEM: Readonly<Record<number, string>> = {
  [SYSTEM_TYPE.TSS16_AVAILABLE]: '16-bit TSS, available',
  [SYSTEM_TYPE.LDT]: 'LDT',
  [SYSTEM_TYPE.TSS16_BUSY]: '16-bit TSS, busy',
  [SYSTEM_TYPE.CALL_GATE16]: '16-bit call gate',
  [SYSTEM_TYPE.TASK_GATE]: 'task gate',
  [SYSTEM_TYPE.INTERRUPT_GATE16]: '16-bit interrupt gate',
  [SYSTEM_TYPE.TRAP_GATE16]: '16-bit trap gate',
  [SYSTEM_TYPE.TSS32_AVAILABLE]: 'TSS, available',
  [SYSTEM_TYPE.TSS32_BUSY]: 'TSS, busy',
  [SYSTEM_TYPE.CALL_GATE32]: 'call gate',
  [SYSTEM_TYPE.INTERRUPT_GATE32]: 'interrupt gate',
  [SYSTEM_TYPE.TRAP_GATE32]: 'trap gate',
};

/** A system descriptor's type in words. */
export const systemTypeName = (type: number): string => SYSTEM[type] ?? `reserved type ${type}`;

/** The type of a loaded segment in words, e.g. "code 64-bit, execute/read". */
export function segmentType(attributes: number): string {
  if (attributes & ATTRIBUTE.UNUSABLE) return 'unusable';
  const type = attributes & ATTRIBUTE.TYPE;
  if (!(attributes & ATTRIBUTE.S)) return systemTypeName(type);
  if (type & ATTRIBUTE.CODE) {
    const size = attributes & ATTRIBUTE.L ? '64-bit' : attributes & ATTRIBUTE.DB ? '32-bit' : '16-bit';
    const rights = type & ATTRIBUTE.READABLE ? 'execute/read' : 'execute';
    return `code ${size}, ${rights}${type & ATTRIBUTE.CONFORMING ? ', conforming' : ''}`;
  }
  const rights = type & ATTRIBUTE.WRITABLE ? 'read/write' : 'read';
  return `data, ${rights}${type & ATTRIBUTE.EXPAND_DOWN ? ', expand down' : ''}`;
}
