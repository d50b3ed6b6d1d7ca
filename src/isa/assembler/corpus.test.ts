import { describe, expect, it } from 'vitest';
import { hasNasm, nasm } from '../../../tools/nasm-oracle.ts';
import { CORPUS } from './corpus.test-data.ts';
import { assemble } from './index.ts';

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

describe.skipIf(!hasNasm())('the corpus, as NASM assembles it', () => {
  it.each(Object.entries(CORPUS))('%s', (_name, source) => {
    const expected = nasm(source);
    expect(expected.bytes, expected.messages).toBeDefined();
    const { bytes, errors } = assemble(source);
    expect(errors).toEqual([]);
    expect(hex(bytes)).toBe(hex(expected.bytes));
  });
});
