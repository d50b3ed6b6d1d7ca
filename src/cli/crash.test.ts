import { describe, expect, it } from 'vitest';
import { VECTOR } from '../arch/registers.ts';
import { Registers } from '../cpu/registers.ts';
import { CPU_BLOCK_SIZE } from '../cpu/state.ts';
import { EVENT_TYPE } from '../cpu/system/event.ts';
import { describeCrash } from './crash.ts';

function registers(): Registers {
  const pages = Math.ceil(CPU_BLOCK_SIZE / 0x1_0000);
  const r = new Registers(new WebAssembly.Memory({ initial: pages }), 0);
  r.setGpr(0, 0x9abc_def0, 0x1234_5678);
  r.rip = -0x7f00_0000;
  r.rflags = 0x202;
  return r;
}

describe('a crash', () => {
  it('tells the chain of faults and the registers', () => {
    const exception = { type: EVENT_TYPE.EXCEPTION, length: 0, detail: 0 };
    const chain = [
      { ...exception, vector: VECTOR.PF, errorCode: 2, detail: -0x1000 },
      { ...exception, vector: VECTOR.DF, errorCode: 0 },
    ];
    const { reason, details } = describeCrash(1, { kind: 'triple-fault', chain, rip: 0 }, registers());
    expect(reason).toBe('CPU 1: triple fault (shutdown)');
    expect(details[0]).toBe('first: #PF, error code 0x2, address 0xfffffffffffff000');
    expect(details[1]).toBe('  then: #DF, error code 0x0');
    const dump = details.join('\n');
    expect(dump).toContain('RAX 123456789abcdef0');
    expect(dump).toContain('RIP ffffffff81000000');
    expect(dump).toContain('RFLAGS 0000000000000202');
    expect(dump).toMatch(/CPL 0 {2}CS 0000 \(base 0x0\)/);
  });

  it('names an interrupt by its number and what is not modelled by its name', () => {
    const timer = { type: EVENT_TYPE.EXTERNAL, vector: VECTOR.PF, errorCode: -1, length: 0, detail: 0 };
    const { details } = describeCrash(0, { kind: 'triple-fault', chain: [timer], rip: 0 }, registers());
    expect(details[0]).toBe('first: interrupt 14');
    expect(describeCrash(0, { kind: 'unmodelled', what: 'SMM', rip: 0 }, registers()).reason).toContain(
      'SMM',
    );
  });
});
