import { describe, expect, test } from 'vitest';
import type { StopKind } from '../../../protocol/stops.ts';
import { FieldError, initialValues, KINDS } from './kinds.ts';

const trigger = (kind: StopKind, values: Record<string, string>) =>
  KINDS[kind].trigger({ ...initialValues(kind), ...values });

describe('what the form makes of its fields', () => {
  test.each<[StopKind, Record<string, string>, object]>([
    ['address', { address: 'ffff8000`00100000' }, { kind: 'address', address: 0xffff_8000_0010_0000n }],
    ['write', { address: '10' }, { kind: 'write', space: 'linear', address: 16n, length: 8 }],
    ['read', { address: '10' }, { kind: 'read', space: 'linear', address: 16n, length: 8 }],
    [
      'execute',
      { address: '0x1000', space: 'host-physical' },
      { kind: 'execute', space: 'host-physical', address: 0x1000n },
    ],
    ['vm-exit', {}, { kind: 'vm-exit', reason: null }],
    ['vm-exit', { reason: '10' }, { kind: 'vm-exit', reason: 10 }],
    ['event', { vector: '#pf' }, { kind: 'event', vector: 14 }],
    ['event', { vector: '0x20' }, { kind: 'event', vector: 32 }],
    ['crossing', { from: '-1' }, { kind: 'crossing', from: -1, to: null }],
    ['msr', { index: 'efer', access: 'write' }, { kind: 'msr', index: 0xc000_0080, access: 'write' }],
    ['port', { port: '0x3f8' }, { kind: 'port', port: 0x3f8, access: 'any' }],
    ['console', { text: 'login: ' }, { kind: 'console', text: 'login: ' }],
  ])('%s %o', (kind, values, expected) => expect(trigger(kind, values)).toEqual(expected));

  test.each<[StopKind, Record<string, string>, string]>([
    ['address', { address: 'main' }, 'address'],
    ['page-table', {}, 'address'],
    ['write', { address: '10', length: '' }, 'length'],
    ['event', { vector: '#XY' }, 'vector'],
    ['msr', { index: 'IA32_NONE' }, 'index'],
  ])('%s %o is refused at its field', (kind, values, field) => {
    expect(() => trigger(kind, values)).toThrow(FieldError);
    try {
      trigger(kind, values);
    } catch (error) {
      expect((error as FieldError).field).toBe(field);
    }
  });
});
