/** The vector files: which templates, in which mode, and how many vectors of each operand size. */

import type { Template } from './template.ts';
import { FLOW } from './templates/flow.ts';
import { INTEGER } from './templates/integer.ts';
import { MMX_TEMPLATES, SIMD } from './templates/simd.ts';
import { ESTIMATES, SSE } from './templates/sse.ts';
import { TRANSCENDENTAL, X87 } from './templates/x87.ts';

export interface Group {
  readonly name: string;
  readonly bits: 32 | 64;
  readonly templates: readonly Template[];
  /** Vectors of a template of weight 1, for each of its operand sizes. */
  readonly count: number;
}

export const GROUPS: readonly Group[] = [
  { name: 'integer-64', bits: 64, templates: INTEGER, count: 220 },
  { name: 'integer-32', bits: 32, templates: INTEGER, count: 220 },
  { name: 'flow-64', bits: 64, templates: FLOW, count: 240 },
  { name: 'flow-32', bits: 32, templates: FLOW, count: 200 },
  { name: 'x87-64', bits: 64, templates: X87, count: 200 },
  { name: 'x87-32', bits: 32, templates: X87, count: 60 },
  { name: 'transcendental', bits: 64, templates: TRANSCENDENTAL, count: 500 },
  { name: 'sse-64', bits: 64, templates: SSE, count: 200 },
  { name: 'sse-32', bits: 32, templates: SSE, count: 40 },
  { name: 'simd-64', bits: 64, templates: SIMD, count: 180 },
  { name: 'simd-32', bits: 32, templates: SIMD, count: 40 },
  { name: 'mmx-64', bits: 64, templates: MMX_TEMPLATES, count: 150 },
  { name: 'mmx-32', bits: 32, templates: MMX_TEMPLATES, count: 50 },
  { name: 'estimates', bits: 64, templates: ESTIMATES, count: 500 },
];
