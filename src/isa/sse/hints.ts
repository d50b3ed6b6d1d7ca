/**
 * Cache control, fences and stores that bypass caches: SDM volume 2. Caches are not modelled, and
 * memory is ordered, so all but the stores do nothing; CLFLUSH checks its address like a load.
 */
import type { Instruction, Semantics } from '../definition.ts';

const nothing: Semantics = () => {};

/** Faults like a load of one byte; any alignment. */
const touch: Semantics = (c) => {
  c.hostRead(1);
};

const row = (
  feature: string,
  mnemonic: string,
  encoding: string,
  own: Partial<Instruction>,
): Instruction => ({
  mnemonic,
  encoding,
  feature,
  semantics: nothing,
  ...own,
});

/** Prefetches never fault, and do not look at their address. Processors without SSE take them as NOPs, too. */
const PREFETCHES = ['PREFETCHNTA', 'PREFETCHT0', 'PREFETCHT1', 'PREFETCHT2'];

export const hints: readonly Instruction[] = [
  ...PREFETCHES.map(
    (mnemonic, n): Instruction => ({ mnemonic, encoding: `0F 18 /${n}`, operands: 'Mb', semantics: nothing }),
  ),
  row('sse2', 'LFENCE', 'NP 0F AE /5 mod=3', {}),
  row('sse2', 'MFENCE', 'NP 0F AE /6 mod=3', {}),
  row('sse', 'SFENCE', 'NP 0F AE /7 mod=3', {}),
  row('clflush', 'CLFLUSH', 'NP 0F AE /7', { operands: 'Mb', semantics: touch }),
  row('sse2', 'MOVNTI', 'NP 0F C3', {
    operands: 'My,Gy',
    attributes: 'write',
    semantics: (c) => c.write(0, c.read(1)),
  }),
];
