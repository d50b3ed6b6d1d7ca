import { describe, expect, it } from 'vitest';
import { hasNasm, nasm } from '../../../tools/nasm-oracle.ts';
import { assemble } from './index.ts';
import { PROGRAMS } from './programs.test-data.ts';

describe.skipIf(!hasNasm())('whole sources, as NASM assembles them', () => {
  for (const [name, { source, includes }] of Object.entries(PROGRAMS)) {
    it(name, () => {
      const expected = nasm(source, includes);
      expect(expected.messages).toBe('');
      const actual = assemble(source, includes ? { includes } : {});
      expect(actual.errors).toEqual([]);
      expect(Buffer.from(actual.bytes).toString('hex')).toBe(
        Buffer.from(expected.bytes ?? []).toString('hex'),
      );
    });
  }
});
