import type { CrossingCause } from '../../../protocol/rings-view.ts';
import type { Ring } from '../../../protocol/target.ts';

/** What the screen calls each cause of a crossing. */
export const CAUSE: Record<CrossingCause, string> = {
  syscall: 'SYSCALL',
  sysret: 'SYSRET',
  interrupt: 'interrupt',
  exception: 'exception',
  'software-interrupt': 'INT n',
  iret: 'IRET',
  'far-transfer': 'far transfer',
  hypercall: 'hypercall',
  'vm-exit': 'VM exit',
  'vm-entry': 'VM entry',
};

export function ringName(ring: Ring): string {
  return ring === -1 ? '−1' : String(ring);
}
