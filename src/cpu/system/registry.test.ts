import { describe, expect, it } from 'vitest';
import { OpcodeMap } from '../../isa/opcode-map.ts';
import { systemInstructions } from '../../isa/system/index.ts';
import { systemOperations } from './index.ts';

/** Raised by the decoder itself. */
const DECODER = ['undefined', 'too-long'];

/** Operations that rows name; some need none. */
const named = systemInstructions
  .map((row) => (typeof row.semantics === 'function' ? row.fallback : row.semantics.system))
  .filter((name) => name !== undefined);

describe('system instructions', () => {
  it('name operations that exist', () => {
    expect(named.filter((name) => !(name in systemOperations))).toEqual([]);
  });

  it('use every operation', () => {
    expect(Object.keys(systemOperations).filter((name) => !named.includes(name))).toEqual(DECODER);
  });

  it('fit into an opcode map', () => {
    expect(new OpcodeMap(systemInstructions).entries).toHaveLength(systemInstructions.length);
  });
});
