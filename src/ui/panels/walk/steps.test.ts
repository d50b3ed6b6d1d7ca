import { expect, test } from 'vitest';
import type { NestedWalk, TableEntry, WalkView } from '../../../protocol/walk-view.ts';
import { stepAtCursor, steps } from './steps.ts';

const entry = (level: string): TableEntry => ({
  level,
  index: 0,
  address: 0n,
  raw: 1n,
  size: 8,
  fields: [],
  leaf: false,
  fault: null,
});
const nested = (): NestedWalk => ({
  guestPhysical: 0n,
  hostPhysical: 0n,
  entries: ['4', '3', '2', '1'].map(entry),
});

test('a four-level walk under four-level EPT makes 24 references, guest entries every fifth', () => {
  const levels = ['PML4', 'PDPT', 'PD', 'PT'].map((level) => ({ nested: nested(), entry: entry(level) }));
  const view = { levels, page: nested() } as unknown as WalkView;
  const all = steps(view);
  expect(all).toHaveLength(24);
  expect(all.filter(({ dimension }) => dimension === 'guest').map(({ number }) => number)).toEqual([
    5, 10, 15, 20,
  ]);
  expect(new Set(all.map(({ key }) => key)).size).toBe(24);
});

test('a walk that EPT ends has no guest entry in its last row', () => {
  const levels = [{ nested: nested(), entry: null }];
  expect(steps({ levels, page: null } as unknown as WalkView).map(({ key }) => key)).toEqual([
    '0.0',
    '0.1',
    '0.2',
    '0.3',
  ]);
});

test('the cursor of a micro-step is the entry of its row', () => {
  const at = (guestPhysical: bigint): NestedWalk => ({
    ...nested(),
    guestPhysical,
    entries: [0x100n, 0x200n].map((address) => ({ ...entry('EPT'), address })),
  });
  const levels = [
    { nested: at(0x1008n), entry: { ...entry('PD'), address: 0x1008n } },
    { nested: at(0x2010n), entry: { ...entry('PT'), address: 0x2010n } },
  ];
  const keyAt = (dimension: 'guest' | 'nested', address: bigint, of: bigint) => {
    const view = { levels, page: at(0x3123n), cursor: { dimension, address, of } } as unknown as WalkView;
    return stepAtCursor(view, steps(view))?.key;
  };
  expect(keyAt('guest', 0x2010n, 0x40_0123n)).toBe('1.guest');
  expect(keyAt('nested', 0x200n, 0x2010n)).toBe('1.1');
  expect(keyAt('nested', 0x100n, 0x3123n)).toBe('2.0');
  expect(keyAt('nested', 0x100n, 0x9000n)).toBeUndefined();
});
