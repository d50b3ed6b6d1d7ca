/** Several processors: INIT and start-up IPIs, IPIs between them, shared memory. SDM volume 3A, "Multiple-Processor Management". */
import { describe, expect, it } from 'vitest';
import { PROCESSORS_GUEST } from './processors-guest.ts';
import { report } from './run-guest.ts';

describe.each([2, 4])('%i processors', (cpus) => {
  const rounds = 50_000;
  const defines = { CPUS: `${cpus}`, ROUNDS: `${rounds}` };
  const hex = (n: number): string => n.toString(16);
  const sum = hex((cpus - 1) * rounds);

  it('start by INIT and SIPI, share memory, and interrupt each other', () => {
    expect(report(PROCESSORS_GUEST, { cpus, defines })).toEqual([
      `started ${cpus - 1}`,
      `locked ${sum}, atomic ${sum}`,
      `answers ${cpus - 1} from ${hex(2 ** cpus - 2)}`,
      'again 1',
    ]);
  });
});
