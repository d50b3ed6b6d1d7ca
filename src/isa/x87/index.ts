/** The x87 FPU: opcodes D8 to DF, and FWAIT. */
import type { Instruction } from '../definition.ts';
import { arithmetic } from './arithmetic.ts';
import { comparisons } from './compare.ts';
import { control } from './control.ts';
import { decimals } from './decimal.ts';
import { environments } from './environment.ts';
import { exponents } from './exponent.ts';
import { loads } from './load.ts';
import { remainders } from './remainder.ts';
import { stores } from './store.ts';
import { transcendentals } from './transcendental.ts';

export const x87Instructions: readonly Instruction[] = [
  ...loads,
  ...stores,
  ...arithmetic,
  ...comparisons,
  ...exponents,
  ...remainders,
  ...decimals,
  ...control,
  ...transcendentals,
  ...environments,
];
