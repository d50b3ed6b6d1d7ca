import type { Outcome } from './outcome.ts';

/** The table of the help text. */
export const EXIT_STATUSES = [
  { status: '0', meaning: 'all --until were met, or the guest powered off or reset' },
  { status: '2', meaning: 'wrong usage, or a file that cannot be booted' },
  { status: '3', meaning: '--limit was reached' },
  { status: '4', meaning: '--time was reached' },
  { status: '5', meaning: 'the guest crashed, or halted for good' },
  { status: '(v << 1) | 1', meaning: 'the guest wrote v to the debug exit port 0xf4' },
] as const;

export const USAGE_STATUS = 2;

/** The status that the process ends with. */
export function exitStatus(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'conversation-over':
    case 'power-off':
    case 'reset':
      return 0;
    case 'limit':
      return 3;
    case 'time':
      return 4;
    case 'crash':
    case 'halted':
      return 5;
    case 'debug-exit':
      return outcome.status & 0xff;
  }
}
